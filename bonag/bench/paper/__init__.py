"""The protocols of DiffusionNAG and DiNAS on every benchmark whose data is at hand, beside what was published."""
