"""The table of operations and providers in `events/README.md` is the generated one."""

from infra.cli.checkout import ROOT
from infra.cli.commands.providers import BEGIN, END, build_markdown


def test_the_readme_holds_the_generated_table() -> None:
    """Between the two markers is what `darkroom providers --markdown` prints."""
    text = (ROOT / "events" / "README.md").read_text(encoding="utf-8")
    assert BEGIN in text
    assert END in text
    between = text.partition(BEGIN)[2].partition(END)[0]
    assert between.strip() == build_markdown()
