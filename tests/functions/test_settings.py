"""The environment is read once, and everything that is missing is named at once."""

import pytest

from darkroom.settings import Settings, SettingsError

COMPLETE = {
    "DARKROOM_ENVIRONMENT": "local",
    "DARKROOM_INPUT_BUCKET": "in",
    "DARKROOM_OUTPUT_BUCKET": "out",
    "DARKROOM_TABLE": "tasks",
    "DARKROOM_EVENT_BUS": "bus",
}


def test_what_lambda_sets_is_read_under_its_own_names() -> None:
    """Its memory bounds what looking at pictures may take; elsewhere nothing does."""
    variables = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "LD_LIBRARY_PATH": "/var/lang/lib"}
    settings = Settings.from_environment(COMPLETE | variables)
    assert (settings.memory_bytes, settings.library_path) == (256 * 1024**2, "/var/lang/lib")
    settings = Settings.from_environment(COMPLETE)
    assert (settings.memory_bytes, settings.library_path) == (None, "")


def test_required_variables_are_enough() -> None:
    """Settings of single functions are empty."""
    settings = Settings.from_environment(COMPLETE | {"PATH": "/bin"})

    assert (settings.environment, settings.input_bucket) == ("local", "in")
    assert (settings.state_machine_arn, settings.dead_letter_queue_url) == ("", "")
    assert settings.secrets == {}


def test_secrets_are_named_by_provider() -> None:
    """An empty one counts as absent."""
    more = {"DARKROOM_SECRET_SNAPAPI": "s1", "DARKROOM_SECRET_PERFECT": ""}

    assert Settings.from_environment(COMPLETE | more).secrets == {"snapapi": "s1"}


def test_every_missing_variable_is_named() -> None:
    """An empty one counts as missing; the message has the next step."""
    lacking = {**COMPLETE, "DARKROOM_TABLE": ""}
    del lacking["DARKROOM_EVENT_BUS"]

    with pytest.raises(SettingsError) as error:
        Settings.from_environment(lacking)
    for words in ("DARKROOM_TABLE", "DARKROOM_EVENT_BUS", "darkroom local"):
        assert words in str(error.value)
    assert "DARKROOM_INPUT_BUCKET" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DARKROOM_PRICE", '{"apiframe": {"usd": 1}}', "Unexpected keyword argument"),
        (
            "DARKROOM_PRICE",
            '{"apiframe": {"usd_per_credit": -0.1}}',
            "must be a number that is not",
        ),
        ("DARKROOM_PRICE", '{"apiframe": {"credits": {"upscale": NaN}}}', "must be a number"),
        ("DARKROOM_ASSUME_PRICE", '{"*": -1}', "greater than or equal to 0"),
        ("DARKROOM_ASSUME_PRICE", '{"*": Infinity}', "finite number"),
    ],
)
def test_impossible_price_is_named(name: str, value: str, sentence: str) -> None:
    """The variable, and what is wrong with it."""
    with pytest.raises(SettingsError, match=sentence) as error:
        Settings.from_environment(COMPLETE | {name: value})
    assert name in str(error.value)
