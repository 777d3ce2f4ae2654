"""The dialogues are true: Debian's Postfix plays each of them the same way."""

import pytest

from dialogues.dialogue import Stage, all_dialogues


@pytest.fixture(scope="module")
def oracle_stage(work):
    stage = Stage(work / "stage", "oracle")
    yield stage
    stage.close()


@pytest.mark.parametrize("dialogue", all_dialogues(), ids=lambda d: d.path.stem)
def test_dialogue(oracle_stage, dialogue, dns):
    oracle_stage.play(dialogue, dns)
