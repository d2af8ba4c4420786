"""The pages that the benchmark of the console asks for."""

from __future__ import annotations

from tests.load.console_looking import Place

CONVERSATIONS = "/console/conversations"
MESSAGES = "/console/messages"
HIS = f"{CONVERSATIONS}?of={{his_session}}.a"
TO_HIM = f"{MESSAGES}?to={{his_message}}"
REQUEST = {"address": "{address}", "number": "+{person}"}
DEEP = 15
VERY_DEEP = 100

PLACES = (
    Place("overview, hour", "/console/", live=True),
    Place("overview, day", "/console/?span=day"),
    Place("series, hour", "/console/series"),
    Place("series, day", "/console/series?span=day"),
    Place("conversations", CONVERSATIONS, live=True),
    Place("conversations, older", CONVERSATIONS, older=DEEP),
    Place("search by id", f"{CONVERSATIONS}/search", form={"q": "{session}"}),
    Place("search by number", f"{CONVERSATIONS}/search", form={"q": "+{person}"}),
    Place("of one person", HIS, live=True),
    Place("of one person, older", HIS, older=DEEP),
    Place("conversation", f"{CONVERSATIONS}/{{session}}", live=True),
    Place("conversation, long", f"{CONVERSATIONS}/{{long_session}}", live=True),
    Place("conversation, long, older", f"{CONVERSATIONS}/{{long_session}}", older=DEEP),
    Place("new conversation", f"{CONVERSATIONS}/new"),
    Place("messages", MESSAGES, live=True),
    Place("messages, older", MESSAGES, older=DEEP),
    Place("messages, search by id", f"{MESSAGES}/search", form={"q": "{message}"}),
    Place("messages, search by number", f"{MESSAGES}/search", form={"q": "+{person}"}),
    Place("messages, to one number", TO_HIM),
    Place("messages, to one number, older", TO_HIM, older=DEEP),
    Place("message", f"{MESSAGES}/{{message}}", live=True),
    Place("dead letters", f"{MESSAGES}/dead-letters"),
    Place("dead letters, older", f"{MESSAGES}/dead-letters", older=DEEP),
    Place("inbox", f"{MESSAGES}/inbox", live=True),
    Place("inbox, older", f"{MESSAGES}/inbox", older=DEEP),
    Place("opt-outs", f"{MESSAGES}/optouts"),
    Place("opt-outs, older", f"{MESSAGES}/optouts", older=DEEP),
    Place("opt-outs, the oldest", f"{MESSAGES}/optouts", older=VERY_DEEP),
    Place("opt-outs, search by number", f"{MESSAGES}/optouts/search", form={"q": "+{opted_out}"}),
    Place("numbers", "/console/numbers"),
    Place("numbers, older", "/console/numbers", older=DEEP),
    Place("devices", "/console/devices", live=True),
    Place("device", "/console/devices/{phone}", live=True),
    Place("device, older", "/console/devices/{phone}", older=DEEP),
    Place("limits", "/console/limits"),
    Place("limits, older", "/console/limits", older=DEEP),
    Place("limits, would it pass", "/console/limits/check", form=REQUEST),
)
# In development_mode alone.
HANDSETS = (Place("handsets", "/console/handsets", live=True),)
