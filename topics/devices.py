"""Topics of devices, which outlive their tickets."""

from datetime import timedelta

from schemas.device_history import (
    DeviceFlagged,
    DeviceHistoryView,
    DeviceVisitForgotten,
    DeviceVisitRecorded,
    FlagDevice,
    ForgetDeviceVisit,
    RecordDeviceVisit,
)
from topics.topic import Compact, Delete, Topic

DEVICE_COMMANDS = Topic(
    name="devices.commands.v1",
    owner="tickets",
    summary="Visits to be noted on a device, and flags.",
    carries=(RecordDeviceVisit, ForgetDeviceVisit, FlagDevice),
    key="device_id",
    personal_data=True,
)
DEVICE_EVENTS = Topic(
    name="devices.events.v1",
    owner="tickets",
    summary="The life of a device, over all its tickets.",
    carries=(DeviceVisitRecorded, DeviceVisitForgotten, DeviceFlagged),
    key="device_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=3650)),
)
DEVICE_VIEWS = Topic(
    name="devices.views.v1",
    owner="tickets",
    summary="All that is known of each device.",
    carries=(DeviceHistoryView,),
    key="device_id",
    personal_data=True,
    cleanup=Compact(),
)
