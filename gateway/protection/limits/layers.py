"""Which limits a call of a message endpoint has: those of the contract and those of protection.

What does not depend on the call is resolved once for each endpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from conf.messages import MessageEndpoint
from conf.protection import DAY, HOUR, By, LayerLimit, Mode, Protection
from conf.tables import MAX_LIMIT
from gateway.access.client_address import limit_subject, network_subject
from gateway.access.limiter import Limit, MessageLimits, Quota
from gateway.protection.exempt import by_person
from gateway.protection.limits.admission import NOTHING_SPARE, Layer, Spare, SpareKind
from gateway.telephony.destinations import calling_code

RANGE_DIGITS = 4  # the last digits of a number, which do not belong to its range
# Of a limit of an endpoint, a shop or everything each calling code has a hundredth for itself.
SHARE = 100
OF_CALLER = (By.ADDRESS, By.NETWORK)  # in the order in which they refuse
OF_PERSON = frozenset({*OF_CALLER, By.RECEIVER, By.RANGE})
# For so many calls of an address and messages to a receiver the default limits are made.
USUAL_ADDRESS, USUAL_RECEIVER = Limit(10, HOUR), Limit(5, DAY)


@dataclass(frozen=True, slots=True)
class Call:
    """What limits depend on; address: of the client; to: E.164 of the person, '' = nobody yet.

    known_as: the caller among those who wrote to a number, a digest, as no list of who wrote to
    whom is meant; a call that has ``to`` needs it.
    """

    address: str
    to: str = ""
    site: str = ""
    known_as: str = ""

    @property
    def visitor(self) -> str:
        """Under what calls of the address are counted."""
        return limit_subject(self.address)

    @property
    def network(self) -> str:
        """Its IPv6 /48, '' for IPv4."""
        return network_subject(self.address)


@dataclass(slots=True)
class EndpointLayer:
    """A limit of an endpoint's calls, whoever makes them; path: of the endpoint.

    spare: whom it lets through though it is full; contract: one of the two that are there
    without protection.
    """

    by: By
    limit_class: str
    limit: Limit
    mode: Mode
    path: str
    site: str = ""
    spare: SpareKind = SpareKind.NOBODY
    told: bool = False
    contract: bool = False
    # Those that are the same for every call for a country: what strangers name is not among them.
    _made: dict[tuple[str, str], Layer] = field(default_factory=dict, repr=False, compare=False)
    _subject: Callable[[Call, str], str] = field(init=False, repr=False, compare=False)
    _of_person: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look up once what each call would."""
        self._subject, self._of_person = _SUBJECTS[self.by], self.by in OF_PERSON

    def of(self, call: Call) -> Layer | None:
        """Return the layer of one call, None when it does not concern it."""
        subject = self._subject(call, self.path)
        if not subject or (self.site and self.site != call.site):
            return None
        if self._of_person:
            return self._layer(subject, call)
        country = calling_code(call.to)
        if (subject, country) not in self._made:
            self._made[subject, country] = self._layer(subject, call)
        return self._made[subject, country]

    def _layer(self, subject: str, call: Call) -> Layer:
        spare = self._spare(call)
        return Layer(self.limit_class, subject, self.limit, self.mode, spare, self.told)

    def _spare(self, call: Call) -> Spare:
        if self.spare is SpareKind.CALLERS:
            return Spare(self.spare, call.known_as)
        if self.spare is SpareKind.SHARE:
            return Spare(self.spare, calling_code(call.to), max(1, self.limit.amount // SHARE))
        return NOTHING_SPARE


@dataclass(frozen=True, slots=True)
class EndpointLayers:
    """The limits of one endpoint, and the persons (E.164) whom none but that of addresses refuses.

    of_caller: those that count whoever calls, whatever he asks for; of_message: those that count
    messages.
    """

    of_caller: tuple[EndpointLayer, ...]
    of_message: tuple[EndpointLayer, ...]
    exempt: frozenset[str] = frozenset()

    def caller(self, call: Call) -> list[Layer]:
        """Return the layers of a call that sends nothing: of its address."""
        return list(self._of(self.of_caller, call))

    def message(self, call: Call, extra: Layer | None = None) -> list[Layer]:
        """Return the further layers of a call that is to send; extra: of a rule for its number."""
        layers = list(self._of(self.of_message, call))
        if extra is not None:
            layers.append(replace(extra, mode=Mode.MONITOR) if self.exempts(call) else extra)
        return layers

    def _of(self, layers: Iterable[EndpointLayer], call: Call) -> Iterator[Layer]:
        exempts = self.exempts(call)
        for each in layers:
            layer = each.of(call)
            if layer is None:
                continue
            stays = not exempts or (each.contract and each.by is By.ADDRESS)
            yield layer if stays else replace(layer, mode=Mode.MONITOR)

    def exempts(self, call: Call) -> bool:
        """Tell whether a call is for a number that no limit but the address's refuses."""
        return call.to in self.exempt


class Layers:
    """The limits of all message endpoints; mode: of the option ``protection``."""

    def __init__(self, limits: MessageLimits, protection: Protection, mode: Mode) -> None:
        self._limits = limits
        self._mode = mode
        self._own = {each.by for each in protection.own_limits}
        further = [self._in_proportion(each) for each in protection.limits]
        self._further = _named(further) if mode is not Mode.OFF else []
        exempt = protection.exempt if mode is not Mode.OFF else ()
        self._exempt = frozenset(by_person(exempt))
        self._of: dict[MessageEndpoint, EndpointLayers] = {}

    def of(self, endpoint: MessageEndpoint) -> EndpointLayers:
        """Return those of an endpoint."""
        if endpoint not in self._of:
            self._of[endpoint] = self._resolve(endpoint)
        return self._of[endpoint]

    def _resolve(self, endpoint: MessageEndpoint) -> EndpointLayers:
        own = self._limits.of(endpoint)
        contract = (
            self._contract(By.ADDRESS, own.address, endpoint),
            self._contract(By.RECEIVER, own.receiver, endpoint),
        )
        layers = [*contract, *self._protecting(endpoint)]
        layers = [each for each in layers if each.limit.amount]
        of_caller = [each for by in OF_CALLER for each in layers if each.by is by]
        of_message = [each for each in layers if each.by not in OF_CALLER]
        if of_caller and of_caller[0].by is By.ADDRESS and of_caller[0].mode is Mode.ENFORCE:
            of_caller[0] = replace(of_caller[0], told=True)
        return EndpointLayers(tuple(of_caller), tuple(of_message), self._exempt)

    def _contract(self, by: By, quota: Quota, endpoint: MessageEndpoint) -> EndpointLayer:
        return EndpointLayer(
            by,
            quota.limit_class,
            quota.limit,
            Mode.ENFORCE,
            endpoint.path,
            spare=_SPARES[by] if self._mode is Mode.ENFORCE else SpareKind.NOBODY,
            contract=True,
        )

    def _in_proportion(self, limit: LayerLimit) -> LayerLimit:
        """Return a default limit raised as much as what its option allows in a time."""
        option, usual = (
            (self._limits.address, USUAL_ADDRESS)
            if limit.by in OF_CALLER
            else (self._limits.receiver, USUAL_RECEIVER)
        )
        allowed, usually = option.amount * usual.seconds, usual.amount * option.seconds
        if limit.by in self._own or limit.by not in {*OF_CALLER, By.RANGE} or allowed <= usually:
            return limit
        return replace(limit, amount=min(limit.amount * allowed // usually, MAX_LIMIT))

    def _protecting(self, endpoint: MessageEndpoint) -> Iterator[EndpointLayer]:
        # Who says what an address may do at an endpoint, or anything, means it.
        own = self._limits.of(endpoint).address.limit
        by_address_alone = not self._limits.address.amount or own is not self._limits.address
        for limit_class, each in self._further:
            if each.mode is Mode.OFF or each.endpoint not in {"", endpoint.path}:
                continue
            if each.by is By.ADDRESS and by_address_alone and each.by not in self._own:
                continue
            mode = Mode.MONITOR if self._mode is Mode.MONITOR else each.mode
            limit = Limit(each.amount, each.window)
            spare = _SPARES[each.by]
            yield EndpointLayer(each.by, limit_class, limit, mode, endpoint.path, each.site, spare)


def number_range(e164: str) -> str:
    """Return a number without its last digits, in whose place stands an ``x`` each."""
    return f"{e164[1:-RANGE_DIGITS]}{'x' * RANGE_DIGITS}" if e164 else ""


def _named(limits: Iterable[LayerLimit]) -> list[tuple[str, LayerLimit]]:
    """Return the limits with the names of what they count.

    A window of its own needs a count of its own, and so do a part of the calls and another amount.
    """
    seen: Counter[str] = Counter()
    found = []
    for each in limits:
        where = each.endpoint + (f"@{each.site}" if each.site else "")
        name = f"{each.by}-{each.window}"
        seen[name + where] += 1
        place = seen[name + where]
        name += f"-{place}" if place > 1 else ""
        found.append((f"{name}:{where}" if where else name, each))
    return found


# By these nobody can lock somebody else out; DESIGN.md tells how.
_SPARES = {
    By.ADDRESS: SpareKind.NOBODY,
    By.NETWORK: SpareKind.NOBODY,
    By.RECEIVER: SpareKind.CALLERS,
    By.RANGE: SpareKind.CALLERS,
    By.CALLING_CODE: SpareKind.NOBODY,
    By.ENDPOINT: SpareKind.SHARE,
    By.SITE: SpareKind.SHARE,
    By.ALL: SpareKind.SHARE,
}
_SUBJECTS: dict[By, Callable[[Call, str], str]] = {
    By.ADDRESS: lambda call, path: call.visitor,
    By.NETWORK: lambda call, path: call.network,
    By.RECEIVER: lambda call, path: call.to,
    By.RANGE: lambda call, path: number_range(call.to),
    By.CALLING_CODE: lambda call, path: calling_code(call.to),
    By.ENDPOINT: lambda call, path: path,
    By.SITE: lambda call, path: call.site,
    By.ALL: lambda call, path: "all",
}
