"""The MobileNetV3 space of Once-for-All (Cai et al., ICLR 2020): five stages of two to four elastic blocks."""

from search_spaces.mbv3.architecture import MBV3Architecture, from_ofa, to_ofa
from search_spaces.mbv3.space import MBV3

__all__ = ["MBV3", "MBV3Architecture", "from_ofa", "to_ofa"]
