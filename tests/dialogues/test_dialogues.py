"""Every *.smtp file of this folder, played with our mail system."""

import pytest

from dialogues.dialogue import Stage, all_dialogues


@pytest.fixture(scope="module")
def stage(work):
    stage = Stage(work / "stage", "postern")
    yield stage
    stage.close()


@pytest.mark.parametrize("dialogue", all_dialogues(), ids=lambda d: d.path.stem)
def test_dialogue(stage, dialogue, dns):
    stage.play(dialogue, dns)
