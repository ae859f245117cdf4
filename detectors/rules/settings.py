"""The thresholds of the rules. docs/rules.md argues every default; the configuration's section is `rules`."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

_MAX_HOLIDAYS = 2_000


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _clock(value: object) -> object:
    """YAML takes 22:00 without quotes for a number of base 60: minutes; 22:00:00 for seconds."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 86_400:
        minutes, seconds = (value, 0) if value < 1_440 else divmod(value, 60)
        return time(minutes // 60, minutes % 60, seconds)
    return value


_Clock = Annotated[time, BeforeValidator(_clock)]


class Period(_Section):
    """Days from `first` to `last`, both included."""

    first: date
    last: date


class Curfew(_Section):
    """Times of the clock; a curfew that ends before it begins runs over midnight."""

    start: _Clock = time(22, 0)  # 《移动互联网未成年人模式建设指南》: no service to minors from 22 to 6
    end: _Clock = time(6, 0)


class CalendarSettings(_Section):
    """When school is, in the campus's time zone. Saturdays and Sundays are free unless listed."""

    holidays: tuple[date | Period, ...] = Field((), max_length=_MAX_HOLIDAYS)  # 节假日、寒暑假
    workdays: tuple[date, ...] = Field((), max_length=_MAX_HOLIDAYS)  # 调休上课日: weekends with school
    curfew: Curfew = Curfew()  # of nights before a school day
    curfew_before_free_days: Curfew = Curfew()


class ActiveMinutes(_Section):
    """What counts as use by a person (docs/rules.md: Active minutes)."""

    least_bytes_up: int = Field(400, ge=1)  # a request; a push connection's heartbeat has 20 to 100
    least_bytes_down: int = Field(400, ge=1)
    bulk_bytes: int = Field(4_000_000, ge=1)  # a download, once it also sends next to nothing back
    bulk_ratio: int = Field(2_000, ge=1)
    session_gap_minutes: int = Field(3, ge=0, le=60)
    session_least_minutes: int = Field(3, ge=1, le=60)
    session_least_density: float = Field(0.5, gt=0, le=1)


class UnfiledApp(_Section):
    """Article 4."""

    least_devices: int = Field(1, ge=1)


class UsageTime(_Section):
    """Article 5: minutes a day on one device and app, for apps for minors."""

    limit_minutes: int = Field(120, ge=1, le=1_440)  # the guide's limit at 16 to 18, the mildest it names
    limit_minutes_free_days: int = Field(120, ge=1, le=1_440)


class CurfewUse(_Section):
    """Article 5: active minutes within the curfew."""

    least_minutes: int = Field(10, ge=1, le=1_440)


class Riders(_Section):
    """Articles 5, 6, 11: third parties that ride along with an app."""

    least_clients: int = Field(5, ge=1)  # beside what the embedding itself demands


class CleartextPersonalData(_Section):
    """Article 6."""

    least_count: int = Field(1, ge=1)


class WeakTransport(_Section):
    """Article 7."""

    least_connections: int = Field(3, ge=1)  # one odd client does not make a service weak


class AnomalousService(_Section):
    """Article 7: a service's window against its own past."""

    least_windows: int = Field(12, ge=4)
    least_flows: int = Field(5, ge=1)
    accepted_false_alerts_per_day: float = Field(0.5, gt=0, le=1_000)
    least_flows_at_first: int = Field(50, ge=1)  # until 500 windows are known
    threshold: float = Field(8.0, ge=3)  # robust standard deviations; at first, too


class UnselectedApp(_Section):
    """Articles 8 and 10."""

    least_devices: int = Field(5, ge=1)
    least_share: float = Field(0.05, ge=0, le=1)  # of the devices that used any education app that day


class TooManyApps(_Section):
    """Article 10."""

    most_apps: int = Field(20, ge=1)
    least_devices: int = Field(5, ge=1)  # an app that fewer use is no burden of the school's making


class SingleVendor(_Section):
    """Article 11."""

    most_share: float = Field(0.9, gt=0, le=1)
    least_devices: int = Field(5, ge=1)
    #: Words in an operator's name that say that an authority or a school runs the service itself.
    authorities: tuple[str, ...] = (
        *("教育部", "教育厅", "教育局", "教委", "考试院", "考试中心", "招生办"),
        *("大学", "学院", "学校", "中学", "小学"),
    )


class ServiceDegraded(_Section):
    """Article 11: an important service's window against its own past."""

    least_windows: int = Field(8, ge=2)
    least_flows: int = Field(20, ge=1)
    failure_rise: float = Field(0.1, gt=0, le=1)  # above the usual share, and at least three times it
    rtt_ratio: float = Field(2.0, gt=1)
    rtt_rise_ms: float = Field(50.0, gt=0)
    retransmission_rise: float = Field(0.03, gt=0, le=1)


class RuleSettings(_Section):
    """All rules."""

    calendar: CalendarSettings = CalendarSettings()
    active: ActiveMinutes = ActiveMinutes()
    unfiled_app: UnfiledApp = UnfiledApp()
    usage_time: UsageTime = UsageTime()
    curfew_use: CurfewUse = CurfewUse()
    riders: Riders = Riders()
    cleartext_personal_data: CleartextPersonalData = CleartextPersonalData()
    weak_transport: WeakTransport = WeakTransport()
    anomalous_service: AnomalousService = AnomalousService()
    unselected_app: UnselectedApp = UnselectedApp()
    too_many_apps: TooManyApps = TooManyApps()
    single_vendor: SingleVendor = SingleVendor()
    important_service_degraded: ServiceDegraded = ServiceDegraded()
    max_use_rows: int = Field(1_000_000, ge=1_000)  # 77 bytes each: a device, an app, a minute

    @field_validator("calendar")
    @classmethod
    def _in_order(cls, value: CalendarSettings) -> CalendarSettings:
        for period in value.holidays:
            if isinstance(period, Period) and period.last < period.first:
                raise ValueError(f"a holiday ends on {period.last}, before it begins on {period.first}")
        return value
