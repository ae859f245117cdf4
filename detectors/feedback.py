"""What people said of findings: a reviewed false positive raises the bar for its like of the same subject.

    add(path, review_of(finding, …)) a verdict, appended; what stands there is never changed
    revert(path, id, why, when)      takes one back, by another line
    read(path)                       the verdicts in force, and those that were taken back

FILE is JSON lines. Whom a verdict is about is told by the finding's id alone: it is an HMAC over rule,
subject and start, so a sensor that holds the key recognises its host, and nobody else learns one. It
goes on holding when pseudonyms change; under another key it matches nobody, which its hits show.

A sign is lowered while its event time lies before the verdict's end, for the host and the patterns
(or the forest) that the finding showed, unless it is at least twice as strong as what was reviewed.
Other patterns, other hosts, and stronger signs are told as ever. A service's signs are the figures
that deviated; a window is lowered when all of its are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from detectors import json_lines
from detectors.findings import Finding, Origin, Subject
from detectors.findings_text import PATTERNS, SERVICE_FIGURES
from detectors.parts import Parts, json_of, of_json
from detectors.rules.signal import Address, Signal, host_text

FALSE_POSITIVE, TRUE_POSITIVE = "false-positive", "true-positive"
VERDICTS = (FALSE_POSITIVE, TRUE_POSITIVE)
#: The sign of no pattern.
FOREST = "forest"
OF_HOSTS, OF_SERVICES = "anomalous-host", "anomalous-service"
#: By rule, the signs that its findings show; no two rules share one.
SIGNS_OF = {OF_HOSTS: (*PATTERNS, FOREST), OF_SERVICES: tuple(SERVICE_FIGURES)}
SIGNS = tuple(sign for signs in SIGNS_OF.values() for sign in signs)
#: A sign this many times as strong as the reviewed one is told all the same.
TIMES_STRONGER = 2.0
MOST_REVIEWS = 10_000
_MOST_BYTES = 64 << 20
_MOST_SUBJECTS = 100_000
_LEAST_DOUBT = 5e-4  # confidence is rounded to three digits

_Whom = TypeVar("_Whom")
_Learned = TypeVar("_Learned", contravariant=True)


class FeedbackError(ValueError):
    """A verdict that cannot be taken; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Review:
    """One verdict. Times are nanoseconds; `until_ns` in event time, `given` RFC 3339 of the clock.

    `signs`: the patterns of the finding, and `forest` where it had a part; of a service, the figures
    that deviated. `confidence`: the finding's.
    """

    id: str
    finding: str
    verdict: str
    signs: tuple[str, ...]
    start_ns: int
    end_ns: int
    confidence: float
    until_ns: int
    given: str
    reason: str = ""

    @property
    def rule(self) -> str:
        """Whose finding it is about."""
        return OF_SERVICES if set(self.signs) <= set(SIGNS_OF[OF_SERVICES]) else OF_HOSTS


@dataclass(frozen=True, slots=True)
class Reviewed:
    """All that a file holds: verdicts by id, in order, and why and when some were taken back."""

    all: tuple[Review, ...]
    reverted: dict[str, dict[str, str]]

    @property
    def in_force(self) -> tuple[Review, ...]:
        """Those that were not taken back; whether they have ended is for the event clock to say."""
        return tuple(each for each in self.all if each.id not in self.reverted)


class Learns(Protocol[_Learned]):
    """Who keeps what was found out of training."""

    def confirm(self, whom: _Learned, start_ns: int, end_ns: int, name: str, /) -> None:
        """It was true: nothing may be learned from it, and new models must find it, too."""

    def withdraw(self, name: str) -> None:
        """What was confirmed under a name is no longer."""

    def clear(self, whom: _Learned, start_ns: int, end_ns: int, /) -> None:
        """It was usual after all."""


def add(path: Path, review: Review) -> Review:
    """Append a verdict; it with the id that it got. Raises FeedbackError, OSError."""
    known = read(path)
    known_signs = any(set(review.signs) <= set(own) for own in SIGNS_OF.values())
    if review.verdict not in VERDICTS or not review.signs or not known_signs:
        raise FeedbackError(f"{review.finding}: no verdict on signs that this version knows")
    if len(known.in_force) >= MOST_REVIEWS:
        raise FeedbackError(f"{path}: {MOST_REVIEWS} verdicts are in force; take some back first")
    earlier = sum(each.finding == review.finding for each in known.all)
    review = replace(review, id=f"{review.finding[:12]}-{earlier + 1}")
    json_lines.append(path, {"what": "verdict", **asdict(review)})
    return review


def revert(path: Path, review_id: str, why: str, when: str) -> Review:
    """Take a verdict back. Raises FeedbackError where none such is in force, OSError."""
    for review in read(path).in_force:
        if review.id == review_id:
            json_lines.append(path, {"what": "revert", "id": review_id, "given": when, "reason": why})
            return review
    raise FeedbackError(f"{path}: no verdict {review_id} is in force")


def read(path: Path) -> Reviewed:
    """What a file holds; nothing where there is none. A line cut off by a crash is passed over.

    Raises FeedbackError for a file that is none, OSError.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return Reviewed((), {})
    if size > _MOST_BYTES:
        raise FeedbackError(f"{path}: larger than {_MOST_BYTES >> 20} MiB")
    reviews: dict[str, Review] = {}
    reverted: dict[str, dict[str, str]] = {}
    for number, line in enumerate(json_lines.whole_lines(path), 1):
        try:
            told = json.loads(line)
            if told.pop("what") == "revert":
                reverted[str(told["id"])] = {name: str(told[name]) for name in ("given", "reason")}
            else:
                review = _review(told)
                reviews[review.id] = review
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FeedbackError(f"{path}:{number}: no verdict of this version") from None
    return Reviewed(tuple(reviews.values()), reverted)


def review_of(
    finding: dict[str, Any], verdict: str, start_ns: int, end_ns: int, until_ns: int, given: str, reason: str
) -> Review:
    """A verdict, without an id, on a line of findings.jsonl. Raises FeedbackError where none can be given."""
    rule = finding.get("rule")
    if rule not in SIGNS_OF:
        able = ", ".join(SIGNS_OF)
        raise FeedbackError(f"{finding.get('id')}: {rule} findings take no verdict, {able} do")
    signs = _signs_of_host(finding) if rule == OF_HOSTS else _signs_of_service(finding["evidence"])
    return Review(
        "", finding["id"], verdict, signs, start_ns, end_ns, float(finding["confidence"]), until_ns,
        given, reason,
    )  # fmt: skip


class Feedback:
    """The verdicts in force, as a running sensor goes by them. `path`: None for none."""

    def __init__(self, path: Path | None, origin: Origin) -> None:
        """Raises FeedbackError, OSError."""
        self._path, self._origin = path, origin
        self._stamp: tuple[int, int] | None = None
        self._reviews: tuple[Review, ...] = ()
        self._of_subject: dict[Subject, tuple[Review, ...]] = {}
        self._learned: dict[str, set[str]] = {rule: set() for rule in SIGNS_OF}  # what learners were told
        self.news: set[str] = set()  # rules with verdicts that their learner has not been told of
        self.hits: dict[str, int] = {}
        self.lowered = dict.fromkeys(SIGNS, 0)
        self.problem: str | None = None
        if path is not None:
            self._reviews, self._stamp = read(path).in_force, _stamp(path)
            self.news = {each.rule for each in self._reviews}

    def refresh(self) -> None:
        """Read the file anew if it has changed; one that cannot be used leaves what was in force."""
        if self._path is None or (now := _stamp(self._path)) == self._stamp:
            return
        self._stamp = now
        try:
            self._reviews = read(self._path).in_force
        except (FeedbackError, OSError) as error:
            self.problem = str(error)
            return
        self._of_subject, self.problem, self.news = {}, None, set(SIGNS_OF)
        kept = {each.id for each in self._reviews}
        self.hits = {name: count for name, count in self.hits.items() if name in kept}

    def told(self, signals: Sequence[Signal]) -> list[Signal]:
        """The signs of hosts that no verdict lowers; the others are counted as hits of theirs."""
        if not self._reviews:
            return list(signals)
        return [signal for signal in signals if not self._lowers_signal(signal)]

    def lowers(self, finding: Finding) -> bool:
        """Whether verdicts lower a service's finding: all of its figures; that is a hit of theirs."""
        if not self._reviews or finding.rule != OF_SERVICES:
            return False
        signs = _signs_of_service(finding.evidence)
        return self._lowers(finding.subject, signs, finding.start_ns, finding.confidence)

    def confirms(self, finding: Finding) -> bool:
        """Whether people said of this very finding that it is true."""
        return any(each.finding == finding.id and each.verdict == TRUE_POSITIVE for each in self._reviews)

    def in_force(self, now_ns: int) -> int:
        """False positives that lower something at a time."""
        return sum(each.verdict == FALSE_POSITIVE and now_ns < each.until_ns for each in self._reviews)

    def teach(self, rule: str, known: Mapping[_Whom, Subject], learner: Learns[_Whom]) -> None:
        """Tell a rule's learner of verdicts it has not heard of: true ones stay out, false ones come back.

        And of those that were taken back.

        known: those with something found, and whose windows are learned from.
        """
        own, told = [each for each in self._reviews if each.rule == rule], self._learned[rule]
        fresh = [each for each in own if each.id not in told]
        self.news.discard(rule)
        for whom, subject in known.items() if fresh else ():
            for each in fresh:
                if self._is_about(each, subject):
                    if each.verdict == TRUE_POSITIVE:
                        learner.confirm(whom, each.start_ns, each.end_ns, each.id)
                    else:
                        learner.clear(whom, each.start_ns, each.end_ns)
        in_force = {each.id for each in own}
        for name in sorted(told - in_force):
            learner.withdraw(name)
        self._learned[rule] = in_force

    def state(self) -> Parts:
        """Hits, and what the learners know."""
        learned = {rule: sorted(told) for rule, told in self._learned.items()}
        return {"hits": of_json([self.hits, self.lowered, learned])}

    def restore(self, parts: Parts) -> None:
        """Take a state back; one without is an older one's."""
        if "hits" in parts:
            hits, lowered, learned = json_of(parts["hits"])
            kept = {each.id for each in self._reviews}
            self.hits = {name: int(count) for name, count in hits.items() if name in kept}
            self.lowered |= {name: int(count) for name, count in lowered.items() if name in self.lowered}
            # In states of earlier versions, those of hosts alone.
            by_rule = learned if isinstance(learned, dict) else {OF_HOSTS: learned}
            self._learned = {rule: set(by_rule.get(rule, ())) for rule in SIGNS_OF}
            self.news |= {rule for rule, told in self._learned.items() if not told <= kept}  # taken back

    def _lowers_signal(self, signal: Signal) -> bool:
        signs = (signal.pattern or FOREST,)
        return self._lowers(subject_of(signal.host), signs, signal.minute_ns, signal.confidence)

    def _lowers(self, subject: Subject, signs: tuple[str, ...], time_ns: int, confidence: float) -> bool:
        """Whether verdicts lower all of the signs."""
        strength = _strength(confidence)
        able = [
            each
            for each in self._about(subject)
            if each.verdict == FALSE_POSITIVE
            and time_ns < each.until_ns
            and strength < TIMES_STRONGER * _strength(each.confidence)
        ]
        by_sign = {sign: next((each for each in able if sign in each.signs), None) for sign in signs}
        lowering = {each.id for each in by_sign.values() if each is not None}
        if None in by_sign.values() or not lowering:
            return False
        for name in lowering:
            self.hits[name] = self.hits.get(name, 0) + 1
        for sign in signs:
            self.lowered[sign] += 1
        return True

    def _about(self, subject: Subject) -> tuple[Review, ...]:
        known = self._of_subject.get(subject)
        if known is None:
            if len(self._of_subject) >= _MOST_SUBJECTS:
                self._of_subject.clear()
            known = tuple(each for each in self._reviews if self._is_about(each, subject))
            self._of_subject[subject] = known
        return known

    def _is_about(self, review: Review, subject: Subject) -> bool:
        return self._origin.finding_id(review.rule, subject, review.start_ns) == review.finding


def subject_of(host: Address) -> Subject:
    """A host as findings have it."""
    return Subject("host", host_text(host))


def subjects_of(hosts: Iterable[Address]) -> dict[Address, Subject]:
    """Hosts as findings have them."""
    return {host: subject_of(host) for host in hosts}


def _signs_of_host(finding: Mapping[str, Any]) -> tuple[str, ...]:
    return (*finding["patterns"], *((FOREST,) if FOREST in finding["evidence"] else ()))


def _signs_of_service(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(evidence["deviations"])


def _strength(confidence: float) -> float:
    """How many times its threshold a sign was: the inverse of rules.signal.confidence."""
    return 0.5 / max(1.0 - confidence, _LEAST_DOUBT)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _review(told: dict[str, Any]) -> Review:
    review = Review(**{**told, "signs": tuple(told["signs"])})
    numbers = (review.start_ns, review.end_ns, review.until_ns)
    texts = (review.id, review.finding, review.verdict, review.given, review.reason)
    if not all(type(each) is int for each in numbers) or not all(isinstance(each, str) for each in texts):
        raise TypeError
    if not isinstance(review.confidence, float | int) or review.verdict not in VERDICTS:
        raise TypeError
    return review
