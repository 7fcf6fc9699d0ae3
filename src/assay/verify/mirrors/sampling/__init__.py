"""References for sampling: one row at a time in Python, and frequencies of draws."""

from assay.verify.mirrors.sampling._draw import categorical as categorical
from assay.verify.mirrors.sampling._draw import greedy as greedy
from assay.verify.mirrors.sampling._draw import speculative as speculative
from assay.verify.mirrors.sampling._filters import allow as allow
from assay.verify.mirrors.sampling._filters import forbid as forbid
from assay.verify.mirrors.sampling._filters import min_p as min_p
from assay.verify.mirrors.sampling._filters import temperature as temperature
from assay.verify.mirrors.sampling._filters import top_k as top_k
from assay.verify.mirrors.sampling._filters import top_p as top_p
from assay.verify.mirrors.sampling._filters import typical_p as typical_p
from assay.verify.mirrors.sampling._generate import beam_search as beam_search
from assay.verify.mirrors.sampling._generate import counting as counting
from assay.verify.mirrors.sampling._generate import generate as generate
from assay.verify.mirrors.sampling._generate import sampler as sampler
from assay.verify.mirrors.sampling._penalties import count_tokens as count_tokens
from assay.verify.mirrors.sampling._penalties import (
    frequency_penalty as frequency_penalty,
)
from assay.verify.mirrors.sampling._penalties import logit_bias as logit_bias
from assay.verify.mirrors.sampling._penalties import (
    presence_penalty as presence_penalty,
)
from assay.verify.mirrors.sampling._penalties import (
    repetition_penalty as repetition_penalty,
)
