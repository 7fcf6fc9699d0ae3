"""Why two optimizers differ: evidence, a model of the rule, a search among mistakes.

`_evidence` runs both once; `_reference` recognises whose rule the reference is, by
`_fit`ting the numbers of `_model`; `_search` then tries `_mistakes`, and `_forms` of
the rules, one or two at a time; `_precision` looks at half precision; `_diagnose` words
the answer.
"""
