"""What `put` says and asks before it uploads anything: how much, how many alike, which first."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from infra.cli.files.upload_all import PlanUpload, Present
from infra.cli.money.accounts import ask_accounts, describe_accounts
from infra.cli.money.ask import Limits, confirm_payment
from infra.cli.money.estimate import (
    Estimate,
    Estimator,
    NewTask,
    SetUp,
    count_tasks_of,
    find_new_tasks,
)
from infra.cli.money.photo_set import MAX_UNASKED, NEARLY_THE_SAME, PhotoSet, find_photos
from infra.cli.money.proof import Proof, choose_proof, how_to_approve, how_to_go_on, stamp
from infra.cli.printing import note, say, say_json

if TYPE_CHECKING:
    from infra.cli.files.upload_plan import UploadPlan
    from infra.cli.target import Target

NO_PROOF: Final = Proof((), frozenset())


@dataclass(frozen=True)
class Wanted:
    """What the user wants of an upload; see the options of `put`.

    Attributes:
        prefix: the folder in the bucket, with its slash.
        proof: how many photos start at once; None for all.
    """

    prefix: str
    again: bool = False
    estimate: bool = False
    one_of_each: bool = False
    proof: int | None = None
    limits: Limits = field(default_factory=Limits)
    yes: bool = False
    verbose: bool = False
    as_json: bool = False


@dataclass(frozen=True)
class Cleared:
    """An upload that may begin: what is there already, and what of it is a proof."""

    present: Present
    proof: Proof = NO_PROOF


def clear_upload(target: "Target", plan: "UploadPlan", wanted: Wanted) -> Cleared | None:
    """Say what the upload will cost, and ask if that is much; None if that was all.

    The plan is changed: it loses photos that look like another, and gets the wishes of its files.

    Raises:
        click.Abort: the user said no.
        click.UsageError: there is nobody to ask, or no such proof can be made.
    """
    photos, groups = _look_at_photos(plan, wanted)
    upload = PlanUpload(target, plan, again=wanted.again)
    present = upload.find_present()
    new = find_new_tasks(plan, present)
    ports = target.ports
    estimator = Estimator(ports, SetUp(ports.providers, target.may_read_secret))
    tasks = count_tasks_of(plan)
    estimate = estimator.estimate(tasks, new)
    _say(target, estimate, groups, wanted)
    if wanted.estimate:
        return None
    if present.held:
        command = how_to_approve(wanted.prefix, target.environment)
        note(f"{present.held:,} of those begun before are held, unpaid; {command} lets them go on")
    proof, starting, usd = NO_PROOF, new, estimate.usd
    if wanted.proof is not None and new:
        proof = choose_proof(plan, photos or PhotoSet.of(plan), new, wanted.proof)
        starting = proof.starting(plan, new)
        usd = estimator.estimate(len(starting), starting).usd
    approved = confirm_payment(len(starting), usd, wanted.limits, yes=wanted.yes)
    guard = ports.money.guard_tasks
    present = stamp(plan, present, new, proof.held, approved=approved, guard_tasks=guard)
    _tell_proof(target, proof, new, starting, wanted)
    return Cleared(present, proof)


def _look_at_photos(
    plan: "UploadPlan", wanted: Wanted
) -> "tuple[PhotoSet | None, tuple[int, int] | None]":
    """The photos, and how many pictures and groups of them there are; None if nobody looked."""
    needed = wanted.one_of_each or wanted.proof is not None or wanted.estimate
    if not needed and len(find_photos(plan)) > MAX_UNASKED:
        return None, None
    photos = PhotoSet.of(plan)
    groups = photos.groups()
    if wanted.one_of_each:
        alike = [photo for group in groups for photo in group[1:]]
        plan.leave_out(alike, NEARLY_THE_SAME)
        photos = photos.without(set(alike))
    return photos, (sum(map(len, groups)), len(groups))


def _say(
    target: "Target", estimate: Estimate, groups: tuple[int, int] | None, wanted: Wanted
) -> None:
    by_provider = estimate.by_provider
    accounts = ask_accounts(target, sorted(by_provider))
    needed = {name: each.credits for name, each in by_provider.items()}
    parts = [estimate.text, describe_accounts(accounts, needed)]
    if groups is not None and groups[1] < groups[0]:
        photos, alike = groups
        parts.append(f"{photos:,} photos, {alike:,} groups of nearly the same")
    line = "; ".join(filter(None, parts))
    if wanted.estimate and wanted.as_json:
        say_json(
            estimate.as_dict()
            | {
                "accounts": {one.provider: one.credits for one in accounts},
                "photos": groups[0] if groups else None,
                "groups": groups[1] if groups else None,
            }
        )
    elif wanted.estimate:
        say(line)
    else:
        note(line)
    if wanted.verbose:
        for name, each in sorted(by_provider.items()):
            for source in each.sources:
                note(f"price at {name}: {source}")
        for account in accounts:
            if account.secret:
                note(f"in the account of {account.provider}: unknown, {account.text}")


def _tell_proof(
    target: "Target", proof: Proof, new: list[NewTask], starting: list[NewTask], wanted: Wanted
) -> None:
    if proof.held:
        tasks = {"start": len(starting), "hold": len(new) - len(starting)}
        note(how_to_go_on(proof, tasks, wanted.prefix, target.environment))
