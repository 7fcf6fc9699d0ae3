"""Which arguments of ours make each library's optimizer: `_table` holds what is known,
as `_row`s; `_check` walks every row, `_report` prints them.
"""
