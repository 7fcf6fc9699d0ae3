"""From logits to tokens: what may be drawn, how it is drawn, and one after the other.

Filters and penalties are functions logits -> logits over the last axis, with any
number of batch axes; what may not be drawn is -inf, so they compose in any order.
A `step` is ``(carry, token) -> (carry, logits)``: a cell, or a decoder and its cache.
"""

from assay.sampling._beam import Beams as Beams
from assay.sampling._beam import beam_search as beam_search
from assay.sampling._draw import categorical as categorical
from assay.sampling._draw import greedy as greedy
from assay.sampling._filters import allow as allow
from assay.sampling._filters import forbid as forbid
from assay.sampling._filters import min_p as min_p
from assay.sampling._filters import temperature as temperature
from assay.sampling._filters import top_k as top_k
from assay.sampling._filters import top_p as top_p
from assay.sampling._filters import typical_p as typical_p
from assay.sampling._generate import Ending as Ending
from assay.sampling._generate import Generated as Generated
from assay.sampling._generate import counting as counting
from assay.sampling._generate import generate as generate
from assay.sampling._generate import sampler as sampler
from assay.sampling._penalties import count_tokens as count_tokens
from assay.sampling._penalties import frequency_penalty as frequency_penalty
from assay.sampling._penalties import logit_bias as logit_bias
from assay.sampling._penalties import presence_penalty as presence_penalty
from assay.sampling._penalties import repetition_penalty as repetition_penalty
from assay.sampling._speculative import speculative as speculative
