"""`darkroom put` before it uploads: what it costs, whether it asks, which photos start at once."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom.aws.s3 import WISH
from darkroom.domain.holds import Hold
from darkroom.domain.order import Trigger
from darkroom.pipeline.money.held import approve
from infra.cli.money import accounts
from infra.cli.target import Target
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_task
from tests.fakes.moto_aws import INPUT, client
from tests.pipeline.harness import PipelineHarness

DEFAULT = {"operation": "upscale", "provider": "snapapi", "settle_s": 0}
UPSCALE = ("--operation", "upscale", "--provider", "snapapi")


def fill(folder: Path, number: int, scenes: int | None = None) -> Path:
    """A folder of so many small photos; those of the same scene look the same."""
    folder.mkdir(exist_ok=True)
    for place in range(number):
        seed = place % (scenes or number)
        noise = np.random.default_rng(seed).integers(0, 255, (5, 5, 3), np.uint8)
        picture = Image.fromarray(noise).resize((24, 24), Image.Resampling.BICUBIC)
        picture.putpixel((0, 0), (place, 0, 0))
        picture.save(folder / f"{place:03}.png")
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Sixty photos under a folder default."""
    folder = fill(tmp_path / "shop", 60)
    (folder / "_darkroom.json").write_text(json.dumps(DEFAULT))
    return folder


def wishes(env: MotoEnvironment) -> dict[str, str]:
    """Each photo in the bucket, and what its uploader wants."""
    found = env.target.s3.list_objects_v2(Bucket=INPUT).get("Contents", [])
    return {
        each["Key"]: env.target.s3.head_object(Bucket=INPUT, Key=each["Key"])["Metadata"].get(
            WISH, ""
        )
        for each in found
        if not each["Key"].endswith(".json")
    }


def make_tasks(env: MotoEnvironment, state: Any = "succeeded") -> None:
    """The tasks of every photo in the bucket that is under a folder default."""
    for photo in wishes(env):
        version = env.target.s3.head_object(Bucket=INPUT, Key=photo)["VersionId"]
        trigger = Trigger.of_photo(INPUT, photo, version, None)
        if env.tasks.get(trigger.task_id) is None:
            changes: dict[str, Any] = {"output": photo, "manifest_key": f"{photo}.manifest.json"}
            if state == "held":
                changes["hold"] = Hold("approval", "photos/")
            names = {"source": photo, "trigger": trigger, **changes}
            task = make_task(trigger.task_id, state, trigger.key, **names)
            env.tasks.create(task, previous=env.tasks.latest(trigger.key), owner=None)


def test_estimate_says_what_it_costs_and_uploads_nothing(env: MotoEnvironment, shop: Path) -> None:
    """Credits with their money; what the account has is not known, and it says so."""
    result = env.run("put", str(shop), "--estimate")
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "60 tasks; 360 credits at snapapi ($0.18); in the accounts: snapapi unknown, it has no "
        "call that says it\n"
    )
    assert wishes(env) == {}
    known = json.loads(env.run("put", str(shop), "--estimate", "--json").stdout)
    assert (known["new"], known["usd"], known["by_provider"]["snapapi"]["credits"]) == (
        60,
        pytest.approx(0.18),
        360,
    )
    assert "price at snapapi: documented 20" in env.run("put", str(shop), "--estimate", "-v").stderr


def test_unknown_prices_are_said_plainly(env: MotoEnvironment, tmp_path: Path) -> None:
    """In credits or in dollars."""
    folder = fill(tmp_path / "two", 2)
    options = ("--operation", "upscale", "--provider", "goapi", "--estimate", "-v")
    result = env.run("put", str(folder), *options)
    assert "2 tasks; the price of 2 tasks at goapi is unknown; " in result.stdout
    assert "goapi is not set up" in result.stdout


def test_tasks_that_may_reuse_earlier_results_are_named(env: MotoEnvironment, shop: Path) -> None:
    """They may cost nothing."""
    (shop / "_darkroom.json").write_text(json.dumps({**DEFAULT, "reuse": True}))
    result = env.run("put", str(shop), "--estimate")
    assert "($0.18), less where 60 tasks reuse earlier results; " in result.stdout


def test_put_asks_above_fifty_tasks(env: MotoEnvironment, shop: Path) -> None:
    """Without a terminal it says what to do; with --yes the tasks are approved."""
    result = env.run("put", str(shop))
    assert result.exit_code == 2
    assert "pay for 60 tasks, which is more than 50 tasks: look at it with --est" in result.stderr
    assert wishes(env) == {}
    assert env.run("put", str(shop), "--ask-above", "60").exit_code == 0
    assert set(wishes(env).values()) == {""}
    make_tasks(env)

    result = env.run("put", str(shop))
    assert result.exit_code == 0, result.output
    assert "60 tasks, 60 of them begun before; nothing to pay\n" in result.stderr
    assert env.run("put", str(shop), "--again", "--yes").exit_code == 0
    assert set(wishes(env).values()) == {"approved"}


def test_put_asks_above_an_amount(env: MotoEnvironment, tmp_path: Path) -> None:
    """And where the amount is not known."""
    photos = str(fill(tmp_path / "two", 2))
    for provider, above, code in (("snapapi", "0.005", 2), ("snapapi", "1", 0), ("goapi", "1", 2)):
        options = ("--operation", "upscale", "--provider", provider, "--ask-above-usd", above)
        assert env.run("put", photos, *options).exit_code == code


def test_photos_that_look_alike_are_counted_and_one_of_each_is_taken(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """The first one; a broken picture counts as itself."""
    folder = fill(tmp_path / "shop", 20, scenes=6)
    (folder / "broken.jpg").write_bytes(b"no picture")
    result = env.run("put", str(folder), *UPSCALE, "--estimate")
    assert "; 21 photos, 7 groups of nearly the same\n" in result.stdout
    result = env.run("put", str(folder), *UPSCALE, "--one-of-each")
    assert result.exit_code == 0, result.output
    assert "left out (nearly the same as a photo that is uploaded): " in result.stderr
    names = [*(f"photos/{place:03}.png" for place in range(6)), "photos/broken.jpg"]
    assert list(wishes(env)) == names
    assert len(result.stdout.splitlines()) == 7


def test_proof_starts_six_and_holds_the_others(env: MotoEnvironment, tmp_path: Path) -> None:
    """It asks about six only, always chooses the same, and says how to go on."""
    folder = str(fill(tmp_path / "shop", 60))
    result = env.run("put", folder, *UPSCALE, "--proof", "6")
    assert result.exit_code == 0, result.output
    first = wishes(env)
    assert Counter(first.values()) == {"hold": 54, "": 6}
    assert "proof: 6 tasks start, of photos/" in result.stderr
    assert "54 are held, unpaid. `darkroom approve photos/ --env dev` lets" in result.stderr

    other = (*UPSCALE, "--param", "scale=4", "--proof", "6", "--again")
    assert env.run("put", folder, *other).exit_code == 0
    assert wishes(env) == first


def test_proof_holds_photos_that_are_in_the_bucket_already(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """For another operation; and a later put without a proof lets the rest start."""
    folder = str(fill(tmp_path / "shop", 9))
    assert env.run("put", folder, "--operation", "remove-background").exit_code == 0
    assert set(wishes(env).values()) == {""}
    assert env.run("put", folder, *UPSCALE, "--proof", "2").exit_code == 0
    assert Counter(wishes(env).values()) == {"hold": 7, "": 2}
    assert env.run("put", folder, *UPSCALE, "--param", "scale=4").exit_code == 0
    assert set(wishes(env).values()) == {""}


def test_held_photos_of_a_proof_are_done_before(env: MotoEnvironment, shop: Path) -> None:
    """The same command again starts none of them, and says which command does."""
    options = ("--proof", "6", "--yes")
    assert env.run("put", str(shop), *options).exit_code == 0
    assert Counter(wishes(env).values()) == {"hold": 54, "approved": 6}
    make_tasks(env, "held")
    result = env.run("put", str(shop))
    assert result.exit_code == 0, result.output
    assert (
        "60 of those begun before are held, unpaid; `darkroom approve photos/ --env dev`"
        in result.stderr
    )


def test_proof_is_refused_where_a_task_has_no_file_to_hold(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """A text has none, and would start with the others."""
    spec = tmp_path / "a.json"
    spec.write_text(json.dumps({"operation": "generate", "params": {"prompt": "a cat"}}))
    result = env.run("put", str(spec), "--proof", "1")
    assert result.exit_code == 2
    assert "photos/a.json names none on this disk" in result.stderr


def test_wait_of_a_proof_is_for_what_starts(env: MotoEnvironment, shop: Path) -> None:
    """The held ones would not end."""
    result = env.run("put", str(shop), "--proof", "1", "--wait", "--timeout", "0", "--json")
    assert len(json.loads(result.stdout)) == 1


def test_proof_of_6_of_200_charges_6_and_approve_does_the_rest_each_once(
    env: MotoEnvironment, tmp_path: Path
) -> None:
    """Also after a second proof with other parameters, which replaces what is held."""
    folder = fill(tmp_path / "shop", 200)
    default = {"operation": "remove-background", "settle_s": 0}
    harness = PipelineHarness()

    def put(rule: dict[str, Any], *options: str) -> None:
        (folder / "_darkroom.json").write_text(json.dumps(rule))
        result = env.run("put", str(folder), "--proof", "6", *options)
        assert result.exit_code == 0, result.output
        harness.upload("photos/_darkroom.json", json.dumps(rule).encode())
        for key, wish in wishes(env).items():
            harness.upload(key, wish=wish)
        harness.run()

    def states() -> Counter[str]:
        return Counter(task.state for task in harness.tasks.all)

    put(default)
    assert len(harness.providers.charged) == 6
    assert states() == {"succeeded": 6, "held": 194}
    put({**default, "metadata": {"look": 2}}, "--again")
    assert len(harness.providers.charged) == 12
    assert states() == {"succeeded": 12, "held": 194, "cancelled": 194}
    for task in harness.tasks.all:
        if task.state == "held":
            approve(harness.ports, task.task_id)
    harness.run()
    assert states() == {"succeeded": 206, "cancelled": 194}
    paid = Counter(harness.providers.charged)
    assert len(harness.providers.charged) == 206
    assert max(paid.values()) == 1


def test_account_that_may_not_be_read_is_left_out(
    env: MotoEnvironment, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With -v it is said."""
    monkeypatch.setattr(Target, "may_read_secret", lambda *_: False)
    options = ("--operation", "upscale", "--provider", "goapi", "--estimate")
    photo = str(shop / "000.png")
    assert "accounts" not in env.run("put", photo, *options).output
    said = env.run("put", photo, *options, "-v").stderr
    assert "in the account of goapi: unknown, its secret may not be read" in said


def test_account_with_too_little_is_said() -> None:
    """And by how much."""
    found = [
        accounts.Account("goapi", 100, "goapi 100 credits"),
        accounts.Account("perfect", 9, "perfect 9 credits"),
    ]
    assert accounts.describe_accounts(found, {"goapi": 304, "perfect": 9}) == (
        "in the accounts: goapi 100 credits, 204 too few, perfect 9 credits"
    )


def test_provider_that_does_not_answer_delays_nothing(
    env: MotoEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that breaks."""
    monkeypatch.setattr(accounts, "WAIT_S", 0.05)
    assert client("secretsmanager")

    class Late:
        def balance(self, provider: str) -> None:
            if provider == "goapi":
                raise OSError("no network")
            time.sleep(1)

    target = Target("dev", env.target.outputs)
    target.__dict__["providers"] = Late()
    assert [one.text for one in accounts.ask_accounts(target, ["goapi", "perfect"])] == [
        "goapi could not be asked (OSError)",
        "perfect does not answer",
    ]
