"""What is known of phones: which they are, when they were heard of, how they are paired."""

from __future__ import annotations

import asyncio

import pytest

from conf.devices import Device
from gateway.errors import BadRequest, NotFound, StoreUnavailable
from gateway.smssync.devices import Devices, DeviceState, Pairing
from gateway.smssync.queue import TaskQueue
from gateway.smssync.tasks import NewTask, TaskState
from gateway.store import keys
from gateway.store.paging import Page
from gateway.store.pipeline import Store, connect
from tests.support.visitor import eventually

HOUR_MS = 3_600_000
PHONES = [Device(each, "s3cret", results=each) for each in ("on", "off", "auto")]
UNHEARD_OF = DeviceState(0, "", None, 0, results=False, backlog=0, handed=0)


@pytest.fixture
def devices(store: Store) -> Devices:
    return Devices(store, PHONES, public_url="https://sms.example.com")


async def unheard(uuid: str, state: TaskState) -> None:
    """Take no notice."""


async def now_ms(store: Store) -> int:
    seconds, micros = await store.execute("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


# --- Which phone ---------------------------------------------------------------------------------

BY_PATH = [
    pytest.param(["a", "b"], "b", "b", id="by its name"),
    pytest.param(["a", "b"], "c", None, id="unknown"),
    pytest.param(["a", "b"], "A", None, id="case counts"),
    pytest.param(["a"], "", "a", id="the only one"),
    pytest.param(["a", "default"], "", "default", id="the one called default"),
    pytest.param(["a", "b"], "", None, id="any of two"),
    pytest.param([], "", None, id="none configured"),
    pytest.param([], "default", None, id="default without any"),
]


@pytest.mark.parametrize(("names", "element", "expected"), BY_PATH)
async def test_a_path_names_a_phone(
    store: Store, names: list[str], element: str, expected: str | None
) -> None:
    found = Devices(store, [Device(name, "s3cret") for name in names]).at(element)
    assert expected == (found.name if found else None)


async def test_all_phones_are_known_by_name(store: Store, devices: Devices) -> None:
    assert {each.name: each for each in PHONES} == devices.by_name
    assert {} == Devices(store, []).by_name


async def test_an_unknown_phone_is_not_found(devices: Devices) -> None:
    assert PHONES[0] == devices.find("on")
    for look in (devices.find, devices.pairing):
        with pytest.raises(NotFound, match="no such device"):
            look("nobody")
    with pytest.raises(NotFound, match="no such device"):
        await devices.state("nobody")


async def test_phones_are_listed_by_name_in_pages(devices: Devices) -> None:
    auto, off, on = (devices.find(each) for each in ("auto", "off", "on"))
    reporting = DeviceState(0, "", None, 0, results=True, backlog=0, handed=0)
    first = Page(3, [(auto, UNHEARD_OF), (off, UNHEARD_OF)], "off")
    assert first == await devices.page(2, "")
    assert Page(3, [(on, reporting)], None) == await devices.page(2, "off")
    assert Page(3, [], None) == await devices.page(2, "on")


async def test_a_pairing_names_the_address_and_the_secret(store: Store, devices: Devices) -> None:
    expected = Pairing("on", "https://sms.example.com/smssync/on/", "s3cret")
    assert expected == devices.pairing("on")
    with pytest.raises(BadRequest, match="public_url: is not set"):
        Devices(store, PHONES).pairing("on")


# --- How it is -----------------------------------------------------------------------------------


async def test_a_phone_that_was_never_heard_of_has_a_state(devices: Devices) -> None:
    assert UNHEARD_OF == await devices.state("auto")


@pytest.mark.parametrize(("device", "expected"), [("on", True), ("off", False), ("auto", False)])
async def test_whether_a_phone_reports_results_is_first_of_all_a_setting(
    devices: Devices, device: str, expected: bool
) -> None:
    assert expected == (await devices.state(device)).results


async def test_a_poll_tells_of_the_phone(devices: Devices, store: Store) -> None:
    tasks = TaskQueue(store, devices.by_name, lease=300, changed=unheard)
    before = await now_ms(store)
    later = before + HOUR_MS
    for place, (device, send_at) in enumerate(
        [("off", 0), ("off", 0), ("off", 0), ("on", 0), ("", 0), ("off", later)]
    ):
        uuid = f"00000000-0000-4000-8000-{place:012}"
        to = "+4917612345678"
        await tasks.add(NewTask(uuid=uuid, to=to, message="Hi", device=device, send_at=send_at))
    assert 3 == (await devices.state("off")).backlog
    await tasks.poll("off", version="3.1.1")
    await tasks.poll("off")
    found = await devices.state("off")
    assert before <= found.last_seen <= await now_ms(store)
    assert ("3.1.1", 0, 4) == (found.version, found.backlog, found.handed)
    await tasks.drain()
    for entry in await store.execute("ZRANGE", keys.TASK_HANDED, 0, -1):
        name, taken, uuid = entry.split(":")
        await store.execute("ZREM", keys.TASK_HANDED, entry)
        await store.execute("ZADD", keys.TASK_HANDED, 0, f"{name}:{int(taken) - HOUR_MS}:{uuid}")
    assert 0 == (await devices.state("off")).handed


async def test_a_phones_words_about_itself_are_kept(devices: Devices, store: Store) -> None:
    before = await now_ms(store)
    await devices.touch("on", version="2.8\ud800" + "x" * 1000)
    await devices.note_battery("on", 0)
    first = await devices.state("on")

    async def is_past() -> bool:
        return await now_ms(store) > first.battery_at

    await eventually(is_past)
    await devices.touch("on")
    found = await devices.state("on")
    assert "2.8?xx" == found.version[:6]
    assert 200 == len(found.version)
    assert (0, first.battery_at) == (found.battery, found.battery_at)
    assert before <= found.battery_at < found.last_seen


async def test_the_same_news_within_a_second_is_noted_once(devices: Devices, store: Store) -> None:
    before = store.commands
    calls = [devices.touch("on", version="3.1") for _ in range(10)]
    await asyncio.gather(*calls, *(devices.note_battery("on", 50) for _ in range(10)))
    assert store.commands - before <= 4  # twice each where a second begins meanwhile


async def test_the_store_being_down_is_said() -> None:
    store = connect("redis://127.0.0.1:1")
    devices = Devices(store, PHONES)
    for call in (devices.touch("on"), devices.note_battery("on", 50), devices.state("on")):
        with pytest.raises(StoreUnavailable):
            await call
    await store.close()


NOW = 1_700_000_000_000
LOOKS = {
    "heard of just now": (NOW, 80, (False, False)),
    "heard of 15 minutes ago": (NOW - 900_000, 80, (False, False)),
    "heard of longer ago": (NOW - 900_001, 80, (True, False)),
    "never heard of": (0, None, (True, False)),
    "battery enough": (NOW, 20, (False, False)),
    "battery low": (NOW, 19, (False, True)),
    "battery empty": (NOW, 0, (False, True)),
}


@pytest.mark.parametrize(("seen", "battery", "expected"), LOOKS.values(), ids=LOOKS.keys())
def test_a_state_tells_whether_a_phone_needs_a_look(
    seen: int, battery: int | None, expected: tuple[bool, bool]
) -> None:
    state = DeviceState(seen, "", battery, 0, results=False, backlog=0, handed=0)
    assert expected == (state.is_silent(NOW), state.battery_low)
