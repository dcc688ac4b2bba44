"""Commands that look into a database make none out of a mistyped path."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.cli.main import main

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "words",
    [
        ["flow", "versions"],
        ["flow", "versions", "greeting"],
        ["flow", "rollback", "greeting", "1"],
        ["flow", "approve", "1"],
        ["flow", "reject", "1", "no"],
    ],
    ids=" ".join,
)
def test_a_mistyped_path_is_a_sentence_and_stays_absent(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "typo.db"
    with pytest.raises(SystemExit) as end:
        main([*words, "--db", str(wrong)])
    assert end.value.code == 2
    assert f"There is no database {wrong}; check the path." in capsys.readouterr().err
    assert not wrong.exists()
