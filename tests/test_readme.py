"""The README's program runs, and its commands are the ones that are promised."""

import re
from pathlib import Path

TEXT = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_ten_lines_run(capsys):
    """A model of pure functions, differentiated, compiled and mapped."""
    program = re.findall(r"```python\n(.*?)```", TEXT, re.S)[0]
    exec(compile(program, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() == "(32, 4, 8)"


def test_the_two_commands_stand_alone_in_their_blocks():
    blocks = re.findall(r"```\n(.*?)\n```", TEXT, re.S)
    assert "python -m pip install -e '.[all]' && assay train" in blocks
    assert "python -m pip install -e '.[test]' && python -m pytest" in blocks
