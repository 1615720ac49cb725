"""NAS-Bench-301's models are read as their libraries read them, from the release's folders, and nothing in them runs.

The released models are not here. Those below were fitted on random values of random architectures, and pickled by the
libraries' versions of that time together with what they predict.
"""

from __future__ import annotations

import math
import os
import pickle
import sys
import zlib
from base64 import b85decode
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bonag.evaluators import boosted_trees, make_evaluator, task_names
from bonag.evaluators.boosted_trees import Trees, read_trees
from bonag.evaluators.nb301_surrogate import feature_names, features
from bonag.running_trial import RunningTrial
from search_spaces import get_space
from search_spaces.darts import from_genotype
from search_spaces.errors import UserError

SPACE = get_space("darts")
# The predictions are for these.
SIX = SPACE.sample(6, np.random.default_rng(0))

XGBOOST_1_2 = (
    r"c-rk)eP|rV6<>WimSbB<`Vl#4qFmiXwk74hrBifLZWXHyrb#d<Q88vSw>NjU_I|zHIoYxiTtW+O32l<L-~?j|=?5YCqjd{4ZseF00<A+rp_m"
    r"rhf7;}aK$8{<DWw$m&Fs6o)mHtll(b}ErQdt=X5O1OznOVbd%!%|sCr%~rcE#4Bf5k<7y)hH6VSH~{Szz0nx-|GTeCR~nAMhL3(E~hs%wI?A"
    r"Yf}FFsPpx)wHFDA6kC!vr}HZ9&#}^zfDuEYPoeyyQI%XqShDt`nCUV8>Qa?Z_I_zVgax5An<}=(l@Fi;Jlxr`>-|{+wPb=`yq(wI=0S^PH9>"
    r"jf4z!ddjNk7;+Ipp@%yFi5PmY_H<Av=wIx|@=<1%9I&C|CBlsPN=3B(M+dCo~ZNJi8kveTBe!HUGRb$a-`#Lr0?~Mbcg#n7Oqw70zt~{8qd;"
    r"iMLjlqQ7%dh{mJe06o`O?xWLkYW!SN~ofPS`D8_}#{E!tSqQZ<W9K`d2Di`|Q%TXLc`0-RJ)HTg=N{OD{ckNy#sM;YE~3m)?8x_Zw372lFVu"
    r"tzUibAFBV_XdlY+`b*1u%ToTyqq1M<$H(4L^2|HWqWnEQb<b0mdpmSa-~aHQ#n@TUuN``Fp(p>j@>J!I8$J0<<?U1FV*Pvd2j5S{`oCRqfAz"
    r"~)|Fe4j)r&EI<CPb__43010$(S#;A^3$>+<zp;#{1s`?la~nsjl#7J3}+^0laRkN*o_zxbEu=aYQ>gLB71lCNL?V8=p|uZPc{SxEBryxD&_$"
    r"=AN;e*Q|5ukRlIPC3cfpI!OE#tZAuE52U*#Z|?x$FE&Me%-p%`tFa^{(f-vGRk91KVILX_J8iuqT=5Vr}nG<v-UQWzpCe!Z&Lj8$Cpw5wZ7}"
    r"NuPOWUZ;hdx*PmIuJ;tXe^*hI(DEH*2E9K$A7=Itt&mMd?X5X%yxnRcng?{0Y-^BPhueYy%e<RNS*Zy=SHh#47`9t5h9Op>qb)tt%bGQgBGa"
    r"TwXB2LKf+fIU4J;qI8t@4AUIGu8t!&7sq<Xe-Plq$pa!qD(pz?{_F=~QSkn;X6t8Yj5bXbK#cNv*G+PTBaxx;&6J4UWJvdxN;ksyK?D^il6{"
    r"S1{W+7J9A`qRedT6cd)`;#6t$+3;J2RYPGaLz2%L+z72xoGe@ewP9B{=2g3bXa=0sND8nL@Eju)OmG$FWGdvm7J~)`WLQ{4!~<Bxh-x?_il1"
    r"X|7_Abc30Td-_>F2*d#Kf_r`Qkyv)ta2-Ik*S+vc_*4alpH*|ki8*_}(VmhhCyGdbp1tohQa#_OzQ3+zzyVgOA~#>`JLQ)*kj3{H-31l|e5^"
    r"lXP6=fR{Ov|Qfn$K1ldvB8DVmPfJ6Wcb{)>K10CJAIwmA&<E`y?HLF=-}kyJzp3#?uJ}icXF4oVYc67lyQ@pO>W>QN)nC=nd2j6s%ti1<@Oe"
    r"O*Q@a@)RgM<bTO@3Hjf6BQln-ClKX0>6<@KBxLM~+v;uD68e6{QHYhSKRE*QPXtqpNQj$4NCvue%-?J@qO>LbonkTGKX4G;et&}&+f*Y#k3&"
    r"|wxw3$<_F$!Nrf-a39;^}5@4m)XJWs3T2p-3{$S4WqkJA(8zZVQHd=l&)o28D8tWOTR6!<a#c{>^5zav4%ub>Lo^P0OzJ&Ut~<p>JD4T??H_"
    r"Jl7MR%M<II*r#rgdceb`^jfF&%1b4_`|6U3Cq!+gOh}jeE!V1hfg}5lbAiEfUpb#nXG>Ab_4?Fdmibb=W&zSrUJGH<v(?QoolS3U%BNZs$Ft"
    r"vJ(dpzi3kBX{E*F!uLd%qvt!l(Jy87e+mZu6i{Sn1KqWJ$K#U;t<eK#B=rQPFrm7(uY{ymPirRm&3=}A6*CeGb`mQg15$s`w3vH22bru(q=-"
    r"lm!rD*kpTE>~bgB@WGBQ%mc;sNEW8tEvWlQ+<@0JCc&MQR?WXA^(wr2)(Rg;h+xUk<4UvGIMkthQ18Lhhf`_tkY<raD)1%MYLGhz9LKR&Ow!"
    r"7gfMaxc1*0u60e?y8zYc`oe{{wt_b8{cLee<8i4}b6oDe#9Dy0QB?7bXu?Upl<0}Jd!Zdt>PzF9pC=0g|%E1_+JnSJ<fZGTa;dVkZ@F_yGa0"
    r"j6h+!>*48pa7_;4VU0ND<1xrwQd@FQEc_hENgiCNu;05SoPvLM7N2p<EjF6Ux8=LRpw3l!GZkd6*_tfO`oQAx&roGK6L!OQ;072<6j|CzOE#"
    r"p)3>$<zR+T9%cy@phTz$bA)E#K0>oFPpAat2o=(>Kqv!?gtBlyp&V2Q<v}M@fF-_(KC+$+;em%%<ezX=9*SP23kMJNt&Dcmt|~Nb%drG3AL?"
    r"&ar~e7Lp91v"
)
XGBOOST_1_2_SAYS = [
    92.96435546875,
    92.86714172363281,
    93.05349731445312,
    92.76441955566406,
    92.86073303222656,
    93.26107025146484,
]
XGBOOST_1_4 = (
    r"c-rk)TaV*36fP{+K|)CUgFdlRCi30!K7#s$c;RWK(I|2gw>6|mnxwNkj7EY7ejfjcb8PoAGrKDuSR@e5OzU&(<8$%n&u)KxR=r*?yKbEFsvF"
    r"$Jx7c*U#cuZex7`Q#yAQv4`N?cH+t{{l-0oSm-1}zo?Rc@gotzy8dwa3_=-WTOp3Uy&-*xTEujeoB<_&bUZouZ+LBm&NZwI?Y#mf4o?Ap?|H"
    r"@5M0x$gI+ujeo3WS-5B!X-^oZ`ZCI{Vy(!XwhIi3O{vA6c`HAW^lGn(f|>6+j5-jgr+#%=v;l)EPFSU9+I__@7gqDhzU$$ybgNDU~&)947T>"
    r"JoyujbQOIsN4bGL*V10W^vE6Tj&@`?oaX|9g53csr)Pd>T?x!xOy2_1XIo<X+s&*^8Zzkvn^Fjcd4r6w&ZH3x>kHMk+dgxx2Ro86o&u+;2Vc"
    r")t_e>u9{TgE^lEhL7$A$BZA?<&9YP?6*GE8C3j%-!9?xlnOvKTf{ur?PhK=y3F*c8|u`rr+39@yb>kSAtb45?GCP+c&OU-Zt*WHE+<jUG3hW"
    r"PNgQfBH_gZ3`iv{Yd^Rut#rUA^tsk9!E)v7v>#jvIqrMku2W=g3Nhw9&PEYdYrEYZA`d0$yT(_yVd?s5^U9A{QQso0f;Xr_JBIWpL=tp1cDt"
    r"-?3O_^wF3Ta}^r5${eO)d+M$Dv2GR(IEm($TA>1)?a7Vz%+2TBMEWS(SjcjLyh0VDXYHZgMyiG&VVt7_w$x_ssQdV?z?lX~nMKb1{49w+JAZ"
    r"t7b1D9>-6;~sRY!HpaAx=Q&DZe5<QKFSXY5*8B+a>V|=^{Z~!V&Bhhf?!=Aoacm@_~NI&u$dDDjDR<QA=1LQ>6*YXIU^5W!DmRy!QS87xI0~"
    r"A#|c=gbyJoy^c9ZWFC*F_u<vmL<E{cs{}1v1A^u;4ID$N#=j9ea*_<%GwBUQhdjpI$IbWbBJp3w{`*=o!oY03wR`av@9_^Xq!FoEIYCi`29w"
    r"3exVBO$Kk>;;MYNr#mTmFQb;0C=x>0gYyy@hkv4FjYNzN0ZjcQqfj0OjikCU=L^@rh|#NPxvD;IXn0Ti=Z*6orz(JpwKcVIyAAOl0gDR6k(x"
    r"9^H=Y1i>u#69V=Q#vHaO27w`7pHz55NUAs8M7D?7)0O1WQsF9~{%~2s8&v>pdE?TJgv5gyY<;@|fL)P{Tt^N1P0Jk<MFq_TVT3BZxTG1+6*r"
    r"PlY+urx5-k)HD2d!iBSnz}LWvR*Y*+@vXrV-5f)UF#*IW^Wk^<ywO@u^&<x+rs!4H#5E)6#-`Xy2^Ns7?NbE9=ZSb@`nFH<m{%pgEgaITXT*"
    r"F+nNF<m1+Pj1}}{!rhOTp|rW)sAkxb%6yQcR*Q__JG*NtpFES)3A5hyWira>o32954<W9+)k@0vf1Dw<aj1Cotcc%jPfj$?dcy(5a3+F?SAd"
    r"zl4{1NQEY)rV2BiaK{A;$Lp4zf+AJ?9u1pcyu=+}}gI+5b1Z|N^LqtK)mc08PLI8-SQZgzutg;e1gU$>>&lo%$9s!SpM`a33287^w!m!xTRb"
    r"&*b09WE28Al=nCa*o7UFi4nfU=N>j2U3wsHSHMniqf}N&})aAYMpBC_{7!MRdVXFgaC)mOOL-S`Fudm<V{rjL=jiAd>=+8)pN7QpR;cWQ@{7"
    r"kX2Y10m;*l8>9;5fQAZ1I(v?0@w>zo$=>ncV4#EzeE0AcONbk3fgvgyK7<G#6hB0+10X287fADve6a|d9^V%jK8_G!1PlE^yP%0c9ug5S6MV"
    r"C(-*!MmRoZ!TD&I<1_t_ItGQc)O>#!<32VT%rr)r}>!j{J@6)lWmD9BuCp+n^Z3uy_9qSD$kStK4)aBUGrhM6UBkY<EMN|RC%6B($;3nK)Jj"
    r"3#m>gy1@IQvv5PCjk`<Jxaln$3m-u7y3WIMf7jwB7<8^s6{*u6jdgW5zrGiI+BhtQVUp9Y*Pw%V&oivGN_q}93=>6M*pj*=<*5koDmW~P!Sw"
    r"og_4n1B(e%gpyf&xO!G);(B=t`KtGyu9tj6<ClI!Qm<p&bS3u-QSp^UqkyHWd*_)^c;(#jXOaS%^Y)kQ;s7SK-!51v?4jf8>ZD6;tP!v?jph"
    r"7~Dk#=%*q^n3>k*Lgqyk9!He)8kWd$>FQ6PMNd-N(Q0KKXI?>B~=Nvst=j?mi1Y1;)&FpTGPPyWBXPenZ<`eE-4AuMX-qRJ!q7KkdHw{=@w;"
    r"{}XY|7Pt"
)
XGBOOST_1_4_SAYS = [
    92.96435546875,
    92.86713409423828,
    93.05349731445312,
    92.76441192626953,
    92.86073303222656,
    93.26107025146484,
]
LIGHTGBM_3_0 = (
    r"c-qZa+m7SL5tVOiTZwOLJF#=I8Rxc+GYp$|3J?M$1_ES(H4x-Mz+%v7ku8Z?ie!`2?9KuUBoBGm@5=`zr<!C_(##n4TePz?&Fbnt)m5jei~8"
    r"qlX_0St-FCgV*P_kS`Jbw)?PN1ovoHUpUU{KjeXzPWo6UBj%nGSqTYYnXHtQNG=U1|6^Qv54dGqqH=V>9@cFFXZ=6Nj}o?|D`krta5Vl4}vm"
    r"zjLFbmn{UjBljq4vpk__G}ph^J@JMnRfY=TsCss$d-1Wk2<B;%XazasyOUR?pVWsjRSWac;mny2f;W9$3Zj>;&G6e4X3Tm-pp*y%<jx=&&>Y"
    r"J05F5V3<NV6uEB68`wfO`FkFM-8VuK9xCX;D7_Pza42EYgyva!h!!sD3!SD=*XD~d2;Ta6yVE6{ZHyHjD34`Gq4Bue*2E#WPzQG6#Mqn@kgA"
    r"o{vU<!9&IFpx~s$G^<DXs7I>#?&4FK_uhPP$qU=-<iZEt2mK*>8QpG}!<7pSe!&Hh+$U3=xdbcjoiILx!}b>@TFaqN%<thz{bmF7j^7_a%q}"
    r"CLnl-z0Zcpt;ow|Vmpx&hw>{2Gj<e2k*~*|?J&pFLuQ9AbNpfKhe5z-JnwcW8M~^;mKV%+`VWg8#|@k$kQbo$UGh7`z8yFxp9Gp`B6pt2G^a"
    r"wvyX#smU2FI^FXX1<=`M#ou65yBzIEZjf_X#Lc9>umM3{hSAr^=YzY@hkE<@Mx?7(-tIQE>xNjxj`99Zc`apc8G;Co1}AaR+EN5-5m30WM5R"
    r"v0>g?YMpzF+cWQh5{0L5wqRMa|1U{yf6$Sgv*cZB=kbpO@i1B9k<7RD#^4Zayh~emiks?C#N5VkoDSWbtq4jW17oLRQysD<|MIiquPWF#-es"
    r"<Y(zas!obF(=lKZdv}&-yu^8CFz^xcR@igC~dQNbr(C(VNd?L0I_sqaW_MN$i$`UZm#qgMmzU}*d<Z7b1c9bL$8^+9WooFDS8wDPl$k_AsJC"
    r"N}Xv3JfeA9y!JcWnBd$><Rs&$)PUI~iRE=VA#%o`rGXc{-68<tgatCa#}EpeuHbJUd~D8%Hd0d@n-OFGBdu_2VcE@jvlkIpj9@8u&f~H5j~V"
    r"(Lzl6$ne<pf-v$<`50T204N!rg?rEoPxyCZ@{E8E8SC4~2aEp3z+<2!Vrjtu(ED4s$B^-{|83+OG$!^rwg>*nGPA0UMP;&`Pq)#&u9{Aisca"
    r"W>bA>KlGmfTlz>ee$Ts9Zz(KwvOfk(uzMT0I0)&k)1n)<lB+%Bx`I_oayk4<~Eu%`YBa;#|b6vBNg@u-VCT-=nhSy-)Xa#28>$*Vk-npg`ft"
    r"q&v;omf~Hz}0!CN0eoz=W7?13z^;vhHyx+7A_hT``lbu;qXjJBQgja2sTv%xU@oC@>U+pn(FD1Y?rrPwZ*x4T|t>{r3GS6=R${>$-3K(&w0t"
    r"oWV8hYy;)enAZ-D@BY%i;nskt2v}`T5Te5!Bh?GvXut-{0Ex&!Hl-oOICaF}t@uQ@b68-}*!-$SK5ax9Cxs<Q3%PNz1O!hmvAxa0P<+H94x+"
    r"@>N+Y1KR069uB(G=Gl-mGgKEwDWs{GK;$$9taesw}R1aqr*)9>oho-OCEGUuS|B?DWwcR=~SdTX|P;U1@u9)>O4&hY1~o2ocS<Px5+rc5DjT"
    r"v#n+~!r8zs?FG_1lsPD}A63Vl`(x5wL-am^B6e2Y4(}-^;3H4y1!fC3U@zv32gV)3O?6*b9_>LgIwEt1hjw38#5;Dfs)Fz2uEL>5L!KZ+TBR"
    r"zh4wK+}*&;G1Ijzp8+a@Rwy9(I)eeGDOmMBx*5S@_{Sc$ml-E{tB+VL&l<b|Y{Dm~N44X!<0AL82hBB8^`?HarhnXEROo@!b&ARPzsL_UHS;"
    r"`y}(xOEl<wJu~|Icm}EjNfQKU3LdHpSuOGp6ja3>8LujTNILv-z>C4xf-Le&XG%Q5KNCqqH$U8@1q)_wW(H-UT?u6MQp_$M)S1nD0uW4N+BF"
    r"qX4QV6n@@J-Eyt19P;XJ2+aXy8(fUAd)V=7?O1{rgfv8@S;JIunF4{?W9MYOHJuf;c(7G6r45^U!)q+&Jr`2%=?@(AtyU$5_4^Q>Qp%2|(e8"
    r"&>a`eQ-9Eh`-`BLSo3wn9O`#dz$&o?~#?8N<x&Ggh61g~?F(^;ZY|QQ)ydxfTUQuQ#^^0*;4z+uPaewfS~m(WRpct1bqc2F?c&8eGJ^9M>Fg"
    r"RWlG&6!lJw#NLR!;pte*;bgGvMm@75?Mc|1OY{@C35ip6^;A1vSE9baA@Wa<CWkWB7awkrD_IP=eWU>&?t92S22={Qb0lt1F1ntAhoZ~5Y?`"
    r"X!Lye#n;*j$FVemm~F5A68`&P=qdqqXzC~zgpl2Z~u?E0FaUA~vRI%r9s4|<_iK8@70B{88s@VXG4uB+s4oo^%^8iErU(Kzc%@7M%QJqh(EW"
    r"d=?kQD;#eiej!_U%fe-%}NQ@Hc!+WFIS)Akq_TQab6+<ypcsEGOk@kFZSx*%hmg&rVB%#wR8sc=IX5(eMJQ+GDp3&diP{A(RGb_`-PgHfwZ#"
    r"Y6G>65>6Kjl;H6%^mhh5kY}5}Q&Q|kL+@?qk^-hZ9D5S1eEgJESKpe9??dIy;lc{eSWTMQz)>H5OTfP4`^}*^rIzEi&x|JeZT6O<YeYpDg)D"
    r"eg{9TfBGBiQiC$t=#>QEed9s!<<5T77t9wN5qlqld4oK08~Bc5hsa(zMygM*a9weRAd{<maG-kfewH8$R{vrTWR4F}f4fn^MHoPl5R9sRAAM"
    r"NaJUh>gTK1p+bGA`b@08I8on$_xQV(9X%ec`}|T_FU9IUv~TiD{o>K;gOLq7#KX6i>I)cjPp<(#TlLEq>Q@g|Z$n@>pnk1mJoU=zH+n_i2dU"
    r"pq#y-%BQ%kG9e0WdKQmIqF0}|1@zqF+K>aYLBXY~$5C#|vi{a^n0A5VWYvCsQeb@A{GO~%tETiFj^U3~=cZT*}2!=uAtZT}BsW%yJ"
)
LIGHTGBM_3_0_SAYS = [
    6027.128586704997,
    5910.667722403689,
    6289.977485602937,
    5910.667722403689,
    5647.81882350575,
    6289.977485602937,
]

DARTS = "NetworkSelectorDatasetInfo:darts:"
# The cells that DARTS found, as the vector that the benchmark's own code makes of them with ConfigSpace 0.4.18.
FOUND = (
    [
        *[("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        *[("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)],
    ],
    [2, 3, 4, 5],
    [
        *[("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)],
        *[("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)],
    ],
    [2, 3, 4, 5],
)
FOUND_VECTOR = [
    *[0.5863451791322553, 0, 0, 0, 0.16666444442962952, 0.3099999239999697, 0, 0, 0, 0],  # batch size ... drop-path
    *[3, 3, 0, 0, 0.003149999006299998],  # first edges, channels
    *[0, 0, 1, 2, 1, 4],  # inputs of nodes
    *[0.000749999001499998, 0, 0, math.log(0.025), 0.8988764044943821, math.log(0.0003)],  # layers ... weight decay
    *[0.009949999019899998, 1e-12, 0, 0, 0.7051278400653053],  # epochs ... mix-up
    *[-1, 5, -1, -1, 3, 3, -1, 2, 3, -1, -1, 2],  # edges 10 to 13, then 2 to 9, of the normal cell
    *[0, 2, -1, -1, -1, 0, 2, 0, -1, 2, -1, -1],  # and of the reduction cell
]


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A data folder with an ensemble of two for the accuracy and one model of the training time."""
    members = {
        "xgb_v1.0/ensemble_member_0": XGBOOST_1_2,
        "xgb_v1.0/ensemble_member_1": XGBOOST_1_4,
        "lgb_runtime_v1.0/ensemble_member_0": LIGHTGBM_3_0,
    }
    for name, model in members.items():
        folder = tmp_path / "nb_models" / name
        folder.mkdir(parents=True)
        (folder / "surrogate_model.model").write_bytes(zlib.decompress(b85decode(model)))
        (folder / "model_config.json").write_text("{}")
    return tmp_path


# The evaluator


def test_the_ensembles_say_what_their_libraries_say(release: Path) -> None:
    evaluator = make_evaluator(SPACE, data_dir=release)
    assert (evaluator.name, evaluator.task) == ("nasbench301", "cifar10")
    assert task_names("darts", "nasbench301", release) == ["cifar10"]
    assert "\n" not in evaluator.description
    found = evaluator.evaluate_many(SIX)
    assert tuple(found) == evaluator.metrics == ("accuracy", "accuracy_sd", "training_time", "params", "macs")
    members = np.array([XGBOOST_1_2_SAYS, XGBOOST_1_4_SAYS])
    np.testing.assert_allclose(found["accuracy"], members.mean(axis=0), atol=2e-5)
    np.testing.assert_allclose(found["accuracy_sd"], members.std(axis=0), atol=2e-5)
    np.testing.assert_allclose(found["training_time"], LIGHTGBM_3_0_SAYS, atol=1e-6)
    for architecture, params, macs in zip(SIX, found["params"], found["macs"], strict=True):
        costs = SPACE.costs(architecture)
        assert (params, macs) == (costs.params, costs.macs)


def test_one_by_one_equals_all_together(release: Path) -> None:
    evaluator = make_evaluator(SPACE, "nasbench301", "cifar10", release)
    copy = pickle.loads(pickle.dumps(evaluator))  # noqa: S301 - our own bytes
    together = evaluator.evaluate_many(SIX)
    for number, architecture in enumerate(SIX):
        alone = evaluator.evaluate(architecture, RunningTrial(seed=1))
        assert all(type(value) is float and np.isfinite(value) for value in alone.values())
        assert alone == {name: values[number] for name, values in together.items()}
        assert alone == copy.evaluate(architecture, RunningTrial(seed=2))


@pytest.mark.parametrize("parent", [".", "nb_models_1.0"])
def test_the_folders_are_found_where_the_release_may_be(
    release: Path, monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    data_dir = release / "nb_models"
    if parent != ".":
        data_dir = release
        (release / "nb_models").rename(release / parent)
    monkeypatch.setenv("BONAG_DATA", str(data_dir))
    assert "training_time" in make_evaluator(SPACE).metrics


def test_without_a_model_of_it_there_is_no_training_time(release: Path) -> None:
    (release / "nb_models" / "lgb_runtime_v1.0").rename(release / "elsewhere")
    evaluator = make_evaluator(SPACE, data_dir=release)
    assert evaluator.metrics == ("accuracy", "accuracy_sd", "params", "macs")
    assert tuple(evaluator.evaluate(SIX[0])) == evaluator.metrics
    assert "raining time" not in evaluator.description


def test_missing_data_is_named_with_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"needs the folder xgb_v1\.0 .*figshare") as error:
        task_names("darts", data_dir=tmp_path)
    assert str(tmp_path) in one_line(error)
    monkeypatch.delenv("BONAG_DATA", raising=False)
    with pytest.raises(UserError, match="no data folder was given: set BONAG_DATA or --data"):
        make_evaluator(SPACE)
    (tmp_path / "xgb_v1.0").mkdir()
    with pytest.raises(UserError, match="holds no model: it must have files") as error:
        make_evaluator(SPACE, data_dir=tmp_path)
    one_line(error)


def test_architectures_of_another_space_are_refused(release: Path) -> None:
    cell = get_space("nb201").sample(1, np.random.default_rng(0))[0]
    with pytest.raises(TypeError, match="the space darts has no architecture"):
        make_evaluator(SPACE, data_dir=release).evaluate(cell)


# The features


def test_features_are_those_of_the_benchmark() -> None:
    names = feature_names()
    assert len(names) == len(set(names)) == 56
    assert (names[0], names[-1]) == ("CreateImageDataLoader:batch_size", f"{DARTS}edge_reduce_9")
    (found,) = features([from_genotype(FOUND)])
    np.testing.assert_allclose(found, FOUND_VECTOR, rtol=1e-12, atol=0)


def test_features_tell_all_choices_of_an_architecture() -> None:
    ops = [
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    ]
    architectures = SPACE.sample(200, np.random.default_rng(7))
    for architecture, row in zip(architectures, features(architectures), strict=True):
        values = dict(zip(feature_names(), row, strict=True))
        cells = []
        for cell in ("normal", "reduce"):
            edges, start = [], 0
            for node in (2, 3, 4, 5):
                numbers = [values[f"{DARTS}edge_{cell}_{start + source}"] for source in range(node)]
                pair = [(ops[int(number)], source) for source, number in enumerate(numbers) if number >= 0]
                if node > 2:
                    choices = [(i, j) for i in range(node) for j in range(i + 1, node)]
                    index = int(values[f"{DARTS}inputs_node_{cell}_{node}"])
                    assert choices[index] == tuple(source for _, source in pair)
                edges += pair
                start += node
            cells += [edges, [2, 3, 4, 5]]
        assert from_genotype(cells) == architecture


# The trees


def walk(trees: Trees, x: np.ndarray) -> float:
    """The sum of the leaves that one row of features leads to, step by step."""
    total = trees.base
    for node in trees.roots:
        while trees.left[node] != node:
            node = (trees.left if x[trees.feature[node]] < trees.threshold[node] else trees.right)[node]
        total += trees.value[node]
    return total


def random_trees(rng: np.random.Generator, count: int, num_features: int = 5) -> Trees:
    """Trees of up to 31 nodes, in which a node's children are any two later ones of its tree that have no parent."""
    columns: dict[str, list] = {name: [] for name in ("feature", "left", "right", "threshold", "value", "roots")}
    for _ in range(count):
        start = len(columns["left"])
        size = 2 * int(rng.integers(16)) + 1
        children = {}
        waiting = [0]
        unused = list(range(1, size))
        while unused:
            node = waiting.pop(int(rng.integers(len(waiting))))
            children[node] = unused.pop(0), unused.pop(0)
            waiting += children[node]
        columns["roots"].append(start)
        for node in range(size):
            left, right = children.get(node, (node, node))
            columns["left"].append(start + left)
            columns["right"].append(start + right)
            columns["feature"].append(int(rng.integers(num_features)))
            columns["threshold"].append(float(rng.integers(4)))
            columns["value"].append(rng.normal())
    return Trees(**{name: np.array(column) for name, column in columns.items()}, base=2.0, num_features=num_features)


@pytest.mark.parametrize("chunk", [1, 50, 10**6])
def test_many_rows_give_what_each_path_leads_to(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(boosted_trees, "CHUNK", chunk)
    rng = np.random.default_rng(chunk)
    trees = random_trees(rng, 20)
    x = rng.integers(4, size=(30, 5)).astype(float)
    np.testing.assert_allclose(trees.predict(x), [walk(trees, row) for row in x], rtol=1e-12)
    assert trees.predict(x[:0]).shape == (0,)


def columns(**change: list) -> dict:
    """One tree of a root and two leaves, changed."""
    tree = {
        "feature": [1, 0, 0],
        "left": [1, 1, 2],
        "right": [2, 1, 2],
        "threshold": [0.5] * 3,
        "value": [0.0, 1.0, 2.0],
    }
    return {name: np.array(column) for name, column in (tree | {"roots": [0]} | change).items()}


def test_broken_trees_are_refused() -> None:
    assert Trees(**columns(), base=0.0, num_features=2).predict(np.array([[9, 0.4], [9, 0.5]])).tolist() == [1.0, 2.0]
    for change in ({"left": [3, 1, 2]}, {"right": [-1, 1, 2]}, {"left": [2, 1, 2], "roots": [0, 2]}):
        with pytest.raises(ValueError, match="leads out"):
            Trees(**columns(**change), base=0.0, num_features=2)
    with pytest.raises(ValueError, match="more than the 1 features"):
        Trees(**columns(), base=0.0, num_features=1)
    circle = Trees(**columns(left=[1, 0, 2], right=[1, 0, 2]), base=0.0, num_features=2)
    with pytest.raises(ValueError, match="circle"):
        circle.predict(np.zeros((1, 2)))


# Foreign files


@pytest.fixture
def pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a file of a Booster of a module with that handle, as the library would."""

    def write(module: str, handle: object, **state: object) -> Path:
        booster = type("Booster", (), {"__module__": module})
        for name in (module.split(".")[0], module):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        sys.modules[module].__dict__["Booster"] = booster
        instance = booster()
        instance.__dict__.update(state, handle=handle)
        path = tmp_path / "surrogate_model.model"
        path.write_bytes(pickle.dumps(instance))
        return path

    return write


def handle_of(model: str) -> bytes | str:
    """The handle within one of the pickles."""
    state = vars(boosted_trees._unpickle(zlib.decompress(b85decode(model))))
    handle = state["handle"]
    return bytes(handle) if isinstance(handle, bytearray) else handle


def test_lightgbm_stops_at_its_best_iteration(pickled: Callable) -> None:
    x = features(SIX)
    both = read_trees(pickled("lightgbm.basic", handle_of(LIGHTGBM_3_0), best_iteration=0))
    first = read_trees(pickled("lightgbm.basic", handle_of(LIGHTGBM_3_0), best_iteration=1))
    assert (len(first.roots), len(both.roots)) == (1, 2)
    np.testing.assert_allclose(both.predict(x), LIGHTGBM_3_0_SAYS, rtol=1e-12)
    assert not np.allclose(first.predict(x), both.predict(x))


class Trap:
    """A pickle that would make a folder when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_files_run_no_code(release: Path, pickled: Callable) -> None:
    sprung = release / "sprung"
    path = release / "nb_models" / "xgb_v1.0" / "ensemble_member_0" / "surrogate_model.model"
    path.write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(UserError, match=r"holds no model of XGBoost or LightGBM, but a .*mkdir") as error:
        make_evaluator(SPACE, data_dir=release)
    assert str(path) in one_line(error)
    inside = pickled("xgboost.core", [Trap(sprung), {Trap(sprung): 1}])
    with pytest.raises(ValueError, match="holds no model"):
        read_trees(inside)
    assert not sprung.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - it is a trap indeed
    assert sprung.exists()


def test_other_models_are_refused(pickled: Callable) -> None:
    binary, text = handle_of(XGBOOST_1_2), handle_of(LIGHTGBM_3_0)
    json = handle_of(XGBOOST_1_4)
    assert isinstance(binary, bytes)
    assert isinstance(json, bytes)
    assert isinstance(text, str)
    cases = [
        ("xgboost.core", binary.replace(b"reg:squarederror", b"reg:squaredlogXX"), "objective 'reg:squaredlogXX'"),
        ("xgboost.core", binary.replace(b"gbtree", b"gblinr", 1), "'gblinr'"),
        ("xgboost.core", binary[:900], "is damaged"),
        ("xgboost.core", json.replace(b'"name":"gbtree"', b'"name":"dart"'), "a 'dart' with"),
        ("xgboost.core", json.replace(b'"split_indices"', b'"splits"'), "is damaged: KeyError"),
        ("xgboost.core", b"{L\x00\x00", "none of the forms of XGBoost 1.0 to 1.5"),
        ("lightgbm.basic", text.replace("objective=regression", "objective=binary"), "objective 'binary'"),
        ("lightgbm.basic", text.replace("decision_type=2", "decision_type=6"), "zeros as missing"),
        ("lightgbm.basic", text.replace("decision_type=2", "decision_type=1"), "categories"),
        ("lightgbm.basic", text.replace("max_feature_idx", "max"), "is damaged: KeyError"),
        ("sklearn.tree", b"", "holds no model of XGBoost or LightGBM, but a sklearn.tree.Booster"),
    ]
    for module, handle, message in cases:
        with pytest.raises(ValueError, match=message) as error:
            read_trees(pickled(module, handle))
        one_line(error)


def test_models_of_another_encoding_are_refused(release: Path, pickled: Callable) -> None:
    handle = handle_of(XGBOOST_1_4)
    assert isinstance(handle, bytes)
    other = pickled("xgboost.core", handle.replace(b'"num_feature":"56"', b'"num_feature":"57"')).read_bytes()
    path = release / "nb_models" / "xgb_v1.0" / "ensemble_member_1" / "surrogate_model.model"
    path.write_bytes(other)
    with pytest.raises(UserError, match="was fitted on 57 features, NAS-Bench-301 has 56") as error:
        make_evaluator(SPACE, data_dir=release)
    assert str(path) in one_line(error)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:1000], lambda data: b"no pickle"])
def test_damaged_files_get_one_line(release: Path, damage: Callable[[bytes], bytes]) -> None:
    path = release / "nb_models" / "lgb_runtime_v1.0" / "ensemble_member_0" / "surrogate_model.model"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="it is not a pickle") as error:
        make_evaluator(SPACE, data_dir=release)
    assert str(path) in one_line(error)
