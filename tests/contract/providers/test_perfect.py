"""Perfect through the real driver against its sandbox: what only this provider does.

Its clock moves on by less than ten seconds between two questions; a job that nobody asks about for
that long is lost.
"""

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from darkroom.errors import Busy, InputRefused, ProviderRefused, Throttled, Unclear
from darkroom.pipeline.resolve import pin
from darkroom.ports import Accepted, JobFailed, Pending, Work
from darkroom.providers.driver import Driver
from darkroom.providers.perfect import Perfect
from darkroom.providers.sessions import Sessions
from darkroom.providers.wire import Wire
from darkroom.routes import Route
from darkroom.task import Choice, Finished, Order
from infra.local.sandbox import start
from tests.contract.providers.bench import Bench, Sandbox
from tests.contract.providers.perfect_needs import LEAST_PARAMS, PICTURES, STEP_S
from tests.fakes.inputs import InMemoryInputs

JOB_S = 12.0
TASKS = "/s2s/v1.0/task/*"
RUN = {"method": "POST", "path": TASKS}
ASK = {"method": "GET", "path": TASKS}
STORE = {"method": "PUT", "path": "*"}
CODES = (
    *("exceed_max_filesize", "invalid_parameter", "error_download_image", "error_download_mask"),
    *("error_decode_image", "error_decode_mask", "error_nsfw_content_detected", "error_no_face"),
    *("error_pose", "error_face_parsing", "error_inference", "exceed_nsfw_retry_limits"),
    *("error_upload", "error_multiple_people", "error_no_shoulder", "error_large_face_angle"),
    "unknown_internal_error",
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, whose clock no other test moves."""
    with start(["perfect"], job_s=JOB_S) as running, httpx.Client() as client:
        perfect = running["perfect"]
        yield Sandbox("perfect", perfect.base_url, perfect.credentials, client)


@pytest.fixture
def bench(sandbox: Sandbox, wire: Wire) -> Iterator[Bench]:
    """Perfect on the bench."""
    sandbox.clear()
    yield bench_of(sandbox, wire)
    sandbox.clear()


def bench_of(
    sandbox: Sandbox,
    wire: Wire,
    options: Mapping[str, Any] | None = None,
    sessions: Sessions | None = None,
    instead: Mapping[str, str] | None = None,
) -> Bench:
    """A bench with this provider alone."""
    inputs = InMemoryInputs()
    held = {**sandbox.credentials, "base_url": sandbox.base_url, **(instead or {})}
    adapter = Perfect(options)
    driver = Driver([adapter], lambda _: held, inputs, "local", wire=wire, sessions=sessions)
    return Bench(sandbox, driver, inputs, wire)


def photo(kind: str = "PNG", width: int = 48, height: int = 32, mode: str = "RGB") -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new(mode, (width, height), "red" if mode == "RGB" else 0).save(out, kind)
    return out.getvalue()


_numbers = iter(range(1, 10_000))


def work_on(bench: Bench, route: Route, params: Mapping[str, Any] | None = None) -> Work:
    """A fresh task's first attempt, with the least that the route takes."""
    number = next(_numbers)
    kind, width, height = PICTURES.get(route.operation, ("PNG", 48, 32))
    said = LEAST_PARAMS.get(route.operation, {}) if params is None else params
    files = {
        role: (bench.inputs.put(f"{number}/{role}", photo(kind, width, height)),)
        for role in route.roles
    }
    return Work(f"{number:032x}", 1, route, route.params.model_validate(said), files)


def submitted(bench: Bench, route: Route, params: Mapping[str, Any] | None = None) -> Accepted:
    """A job that was just made."""
    out = bench.submit(work_on(bench, route, params))
    assert isinstance(out, Accepted)
    return out


def finished(bench: Bench, route: Route, job: Accepted) -> Finished | JobFailed:
    """The end of a job that is never left alone."""
    for _ in range(10):
        out = bench.driver.poll(route, job.job_id)
        if not isinstance(out, Pending):
            return out
        bench.sandbox.advance(STEP_S)
    raise AssertionError("the job does not end")


def log(bench: Bench) -> Sequence[Mapping[str, Any]]:
    """Every request that the sandbox has seen."""
    answer = bench.sandbox.client.get(f"{bench.sandbox.base_url}/_sandbox/requests")
    requests: Sequence[Mapping[str, Any]] = answer.json()["requests"]
    return requests


def sign_ins(requests: Sequence[Mapping[str, Any]]) -> int:
    """How many of them asked for a token."""
    return sum(str(one["path"]).endswith("/client/auth") for one in requests)


def charges(bench: Bench) -> list[Mapping[str, Any]]:
    """What was paid so far."""
    return [entry for entry in bench.sandbox.ledger() if entry["kind"] == "charge"]


DESCRIBED = [route for route in Perfect().routes if route.refusal is None]


@pytest.mark.parametrize("route", DESCRIBED, ids=lambda route: route.operation)
def test_every_described_feature_ends_in_pictures_for_its_price(bench: Bench, route: Route) -> None:
    """From the least spec to a picture in hand, charged once, at the end."""
    before = len(charges(bench))
    job = submitted(bench, route)
    assert len(charges(bench)) == before
    end = finished(bench, route, job)

    assert isinstance(end, Finished)
    for result in end.results:
        assert result.url is not None
        with bench.driver.fetch(result.url, 10_000_000) as fetched:
            assert fetched.media is not None
            assert fetched.media.kind == "image"
            Image.open(fetched.body).load()
    paid = charges(bench)[before:]
    assert [entry["job_id"] for entry in paid] == [job.job_id]
    price = route.credits(LEAST_PARAMS.get(route.operation, {}))
    assert price is None or paid[0]["credits"] == price


def test_a_job_says_when_it_wants_to_be_asked_again(bench: Bench) -> None:
    """Its milliseconds become seconds, well below the ten after which it is lost."""
    out = bench.driver.poll(route := bench.route("colorize"), submitted(bench, route).job_id)
    assert isinstance(out, Pending)
    assert out.ask_again_s is not None
    assert 0 < out.ask_again_s < 10


def test_a_token_is_asked_for_once(bench: Bench) -> None:
    """Two tasks, one sign-in."""
    before = len(log(bench))
    for _ in range(2):
        submitted(bench, bench.route("remove-background"))
    assert sign_ins(log(bench)[before:]) == 1


def test_a_refused_token_is_replaced_and_the_call_made_again(bench: Bench) -> None:
    """A 401 in the midst of a job costs one sign-in and nothing else."""
    route = bench.route("remove-background")
    job = submitted(bench, route)
    before = len(log(bench))
    body = {"status": 401, "error": "Unauthorized", "error_code": "InvalidAccessToken"}
    bench.sandbox.faults({"match": ASK, "do": {"status": 401, "body": body}})
    assert isinstance(bench.driver.poll(route, job.job_id), Pending)
    assert sign_ins(log(bench)[before:]) == 1


def test_a_refused_token_of_a_paid_call_pays_once(bench: Bench) -> None:
    """The refused call was not accepted; the same request follows under a new token."""
    body = {"status": 401, "error": "Unauthorized", "error_code": "InvalidAccessToken"}
    bench.sandbox.faults({"match": RUN, "do": {"status": 401, "body": body}})
    route = bench.route("remove-background")
    before = len(charges(bench))
    assert isinstance(finished(bench, route, submitted(bench, route)), Finished)
    assert len(charges(bench)) == before + 1


def test_a_token_that_has_run_out_is_replaced(bench: Bench) -> None:
    """The sandbox refuses it after two hours; nobody else notices."""
    route = bench.route("remove-background")
    submitted(bench, route)
    bench.sandbox.advance(7201)
    before = len(log(bench))
    submitted(bench, route)
    seen = log(bench)[before:]
    assert sign_ins(seen) == 1
    assert [one["status"] for one in seen].count(401) == 1


def test_a_token_is_renewed_before_it_runs_out(sandbox: Sandbox, wire: Wire) -> None:
    """After nine tenths of its life, so that no call meets a refusal."""
    elapsed = [0.0]
    bench = bench_of(sandbox, wire, sessions=Sessions(monotonic=lambda: elapsed[0]))
    route = bench.route("remove-background")
    submitted(bench, route)
    before = len(log(bench))
    elapsed[0] = 0.9 * 7200 - 1
    submitted(bench, route)
    assert sign_ins(log(bench)[before:]) == 0
    elapsed[0] += 2
    submitted(bench, route)
    assert sign_ins(log(bench)[before:]) == 1
    assert all(one["status"] == 200 for one in log(bench)[before:])


def _another_key() -> str:
    public = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - the vendor's length
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": _another_key()},
        {"client_secret": "sk-not-a-key-0123456789"},
        {"client_id": "SomebodyElse"},
    ],
    ids=["another key", "no key", "another id"],
)
def test_wrong_credentials_are_named_with_their_remedy(
    sandbox: Sandbox, wire: Wire, wrong: Mapping[str, str]
) -> None:
    """The command that sets them is the next step; they themselves are in no text."""
    bench = bench_of(sandbox, wire, instead=wrong)
    with pytest.raises(ProviderRefused) as caught:
        submitted(bench, bench.route("colorize"))
    failure = caught.value.failure
    assert failure.code == "bad-credentials"
    assert "darkroom/local/perfect" in failure.next_step
    assert all(value not in f"{failure} {caught.value!r}" for value in wrong.values())


@pytest.mark.parametrize(
    "fault", [{"drop": "after"}, {"drop": "before"}, {"malformed": True}, {"truncate": 9}]
)
def test_the_same_request_again_names_one_job_and_is_charged_once(
    bench: Bench, fault: Mapping[str, Any]
) -> None:
    """Whatever became of the first answer."""
    bench.sandbox.faults({"match": RUN, "do": fault})
    route = bench.route("remove-background")
    work = work_on(bench, route)
    before = len(charges(bench))
    with pytest.raises(Unclear):
        bench.submit(work)

    first = bench.driver.repeat(work, bench.intended[0])
    second = bench.driver.repeat(work, bench.intended[0])

    assert isinstance(first, Accepted)
    assert first == second
    assert isinstance(finished(bench, route, first), Finished)
    assert len(charges(bench)) == before + 1


def test_another_attempt_is_another_job(bench: Bench) -> None:
    """A new number, a new upload: the vendor does the work anew."""
    route = bench.route("remove-background")
    work = work_on(bench, route)
    first = bench.submit(work)
    second = bench.submit(Work(work.task_id, 2, route, work.params, work.inputs))
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.job_id != second.job_id


def test_a_job_that_was_left_alone_is_lost_and_costs_nothing(bench: Bench) -> None:
    """Ten seconds without a question."""
    route = bench.route("remove-background")
    before = len(charges(bench))
    job = submitted(bench, route)
    bench.sandbox.advance(11)
    end = bench.driver.poll(route, job.job_id)
    assert end == JobFailed("job-lost", "Perfect Corp no longer knows the job.", "no")
    bench.sandbox.advance(JOB_S)
    assert len(charges(bench)) == before


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_engine_ends_the_job_uncharged(bench: Bench, code: str) -> None:
    """Ours instead of the vendor's, a sentence, and nothing paid."""
    bench.sandbox.faults({"match": RUN, "do": {"job": "fail", "body": code}})
    route = bench.route("remove-background")
    before = len(charges(bench))
    end = finished(bench, route, submitted(bench, route))
    assert isinstance(end, JobFailed)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", end.code)
    assert code not in end.sentence
    assert end.charged == "no"
    assert len(charges(bench)) == before


def test_ids_above_what_javascript_can_count_stay_whole(bench: Bench) -> None:
    """As listed, so sent: the sandbox knows every style by all its digits."""
    route = bench.route("hairstyle")
    groups = bench.driver.styles(route)
    ids = [style.id for group in groups for style in group.styles]
    assert len(ids) > 20
    assert all(number > 2**53 for number in ids)
    assert any(int(float(number)) != number for number in ids)
    for group in groups:
        style = group.styles[-1]
        submitted(bench, route, {"style": style.id})
        assert f'"style_group_id":{group.id},"style_ids":[{style.id}]' in bench.intended[-1]


def test_a_style_may_be_named_by_its_title(bench: Bench) -> None:
    """In any case of letters; the same style as by its id."""
    route = bench.route("hairstyle")
    style = bench.driver.styles(route)[0].styles[-1]
    for said in (style.title.upper(), str(style.id)):
        submitted(bench, route, {"style": said})
        assert f'"style_ids":[{style.id}]' in bench.intended[-1]


def test_a_title_that_two_groups_have_needs_its_group(bench: Bench) -> None:
    """Refused with both groups; with one of them it is clear."""
    route = bench.route("hair-volume")
    with pytest.raises(ProviderRefused) as caught:
        submitted(bench, route, {"style": "Full Lift"})
    assert "'Sides'" in caught.value.failure.sentence
    assert "'Roots'" in caught.value.failure.sentence
    assert submitted(bench, route, {"style": "Full Lift", "style_group": "sides"})


def test_a_style_that_is_not_there_is_refused_before_anything_is_uploaded(bench: Bench) -> None:
    """With the nearest title, and the command that lists them."""
    before = len(log(bench))
    with pytest.raises(ProviderRefused) as caught:
        submitted(bench, bench.route("hairstyle"), {"style": "Long Wavs"})
    assert caught.value.failure.code == "unknown-style"
    assert "Did you mean 'long waves'?" in caught.value.failure.sentence
    assert "darkroom styles perfect hairstyle" in caught.value.failure.next_step
    assert not any("/file/" in str(one["path"]) for one in log(bench)[before:])


def test_ids_that_the_vendor_does_not_know_are_its_to_refuse(bench: Bench) -> None:
    """Both ids given: nothing is looked up, and the refusal is understood."""
    known = bench.driver.styles(bench.route("hairstyle"))[0]
    for group, style in ((known.id, 7), (7, known.styles[0].id)):
        with pytest.raises(ProviderRefused) as caught:
            submitted(bench, bench.route("hairstyle"), {"style": style, "style_group_id": group})
        assert caught.value.failure.code == "unknown-style"


@pytest.mark.parametrize(
    ("operation", "role", "body", "code", "figures"),
    [
        ("remove-objects", "mask", photo("PNG", 47, 32, "L"), "sizes-differ", ["47 x 32", "48"]),
        ("remove-background", "image", photo("PNG", 5000, 8), "picture-too-large", ["4096"]),
        ("hairstyle", "image", photo("JPEG", 8, 1025), "picture-too-large", ["1025", "1024"]),
        ("hairstyle", "image", photo("PNG"), "wrong-format", ["png", "jpg"]),
        ("aging", "image", photo("JPEG", 400, 319), "picture-too-small", ["319", "320"]),
        ("colorize", "image", photo("WEBP"), "wrong-format", ["webp", "jpg, png"]),
        ("makeup-transfer", "reference", photo("PNG", 1025, 9), "picture-too-large", ["1025"]),
    ],
)
def test_a_file_outside_the_table_is_refused_before_anything_is_sent(
    bench: Bench, operation: str, role: str, body: bytes, code: str, figures: list[str]
) -> None:
    """With the figures; the sandbox has seen nothing of it."""
    route = bench.route(operation)
    work = work_on(bench, route)
    files = {**work.inputs, role: (bench.inputs.put(f"wrong/{role}", body),)}
    before = len(log(bench))
    with pytest.raises(InputRefused) as caught:
        bench.submit(Work(work.task_id, 1, route, work.params, files))
    assert caught.value.failure.code == code
    assert all(figure in caught.value.failure.sentence for figure in figures)
    assert len(log(bench)) == before


def test_a_file_of_eleven_megabytes_is_refused_when_it_is_pinned(bench: Bench) -> None:
    """The table says less than 10 MB; the sandbox has seen nothing of it."""
    bench.inputs.put("big.png", photo() + b"\0" * (11 * 1024 * 1024))
    order = Order(
        "colorize",
        (Choice("perfect", bench.route("colorize").model),),
        keys={"image": ("big.png",)},
    )
    before = len(log(bench))
    with pytest.raises(InputRefused) as caught:
        pin(order, {"big.png": bench.inputs.find("big.png")}, bench.driver.routes())
    assert caught.value.failure.code == "input-too-large"
    assert "10,485,759" in caught.value.failure.sentence
    assert len(log(bench)) == before


def test_aging_gives_every_age_in_order(bench: Bench) -> None:
    """All pictures with the ages that they show, and the vendor's figures beside them."""
    route = bench.route("aging")
    end = finished(bench, route, submitted(bench, route))
    assert isinstance(end, Finished)
    ages = end.facts["ages"]
    assert len(ages) == len(end.results) > 2
    assert ages == sorted(ages)
    info = end.facts["custom_info"]
    assert (info["age_min"], info["age_max"], info["num_of_photos"]) == (
        *(ages[0], ages[-1]),
        len(ages),
    )
    assert ages[info["age_idx"]] > 0


@pytest.mark.parametrize(
    ("operation", "params", "media", "size"),
    [
        ("remove-background", {"format": "webp"}, "webp", (48, 32)),
        ("remove-background", {"format": "png"}, "png", (48, 32)),
        ("upscale", {}, "jpg", (96, 64)),
        ("upscale", {"scale": 4, "format": "webp"}, "webp", (192, 128)),
        ("enhance", {"format": "jpg"}, "jpg", (48, 32)),
    ],
)
def test_format_and_scale_are_what_the_spec_says(
    bench: Bench, operation: str, params: dict[str, Any], media: str, size: tuple[int, int]
) -> None:
    """Portable names, told in the vendor's words."""
    route = bench.route(operation)
    end = finished(bench, route, submitted(bench, route, params))
    assert isinstance(end, Finished)
    assert end.results[0].url is not None
    with bench.driver.fetch(end.results[0].url, 10_000_000) as fetched:
        assert fetched.media is not None
        assert fetched.media.extension == media
        assert Image.open(fetched.body).size == size


@pytest.mark.parametrize(
    "fault", [{"status": 403}, {"status": 503}, {"drop": "before"}, {"drop": "after"}]
)
def test_a_file_that_is_not_stored_leaves_nothing_to_pay(
    bench: Bench, fault: Mapping[str, Any]
) -> None:
    """Busy: the whole of it is begun anew, and then it works."""
    bench.sandbox.faults({"match": STORE, "do": fault})
    route = bench.route("colorize")
    work = work_on(bench, route)
    with pytest.raises(Busy):
        bench.submit(work)
    assert bench.intended == []
    assert isinstance(bench.submit(work), Accepted)


def test_an_empty_purse_is_refused(bench: Bench) -> None:
    """Nothing was made."""
    bench.sandbox.account(credits=0)
    with pytest.raises(ProviderRefused) as caught:
        submitted(bench, bench.route("upscale"))
    assert caught.value.failure.code == "no-credits"


def test_the_real_rate_limit_is_a_reason_to_wait(bench: Bench) -> None:
    """It names no time, so the product's own pace decides."""
    bench.sandbox.account(rate_per_min=1)
    with pytest.raises(Throttled) as caught:
        bench.driver.styles(bench.route("generate"))
    assert caught.value.failure.code == "provider-busy"
    assert caught.value.retry_after_s is None


def test_the_newer_file_api_and_another_slug_work_as_well(sandbox: Sandbox, wire: Wire) -> None:
    """What settings may change, changed."""
    sandbox.clear()
    options = {"file_version": "v1.1", "slugs": {"remove-objects": "obj-removal"}}
    bench = bench_of(sandbox, wire, options)
    route = bench.route("remove-objects")
    before = len(log(bench))
    assert isinstance(finished(bench, route, submitted(bench, route)), Finished)
    paths = [one["path"] for one in log(bench)[before:]]
    assert "/s2s/v1.1/file/obj-removal" in paths
    assert "/s2s/v1.0/task/obj-removal" in paths
