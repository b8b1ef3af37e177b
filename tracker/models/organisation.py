"""Offices, departments, people, and the calendar they work by."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, Code, Key, Name, OfficeKey


class Office(Base):
    """A node in the tree of offices (district → street); a street alone is the normal install."""

    __tablename__ = "office"

    id: Mapped[Key]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("office.id"))
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    plan_year: Mapped[int]  # the year that pages show when the address names none
    created_at: Mapped[datetime]
    weekly_on: Mapped[date | None]  # day from which the leaders' next weekly page is owed; null: not yet planned


class Department(Base):
    __tablename__ = "department"
    __table_args__ = (UniqueConstraint("office_id", "code"),)

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    code: Mapped[Code]
    name_zh: Mapped[Name]
    name_en: Mapped[Name]
    kind: Mapped[Code] = mapped_column(default="section")
    collective: Mapped[bool] = mapped_column(default=False)  # a group such as 各社区: only ever cooperates
    active: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)


class User(Base):
    __tablename__ = "user_account"

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"), index=True)
    email: Mapped[str] = mapped_column(String(200), unique=True)  # lower case
    name: Mapped[Name]
    role: Mapped[Code]  # tracker.domain.permissions.Role
    locale: Mapped[str | None] = mapped_column(String(10))  # zh, en; null: as the browser asks
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=False)
    password_changed_at: Mapped[datetime | None]
    former_passwords: Mapped[list[Any]] = mapped_column(default=list)  # hashes of the last five, newest first
    active: Mapped[bool] = mapped_column(default=True)
    valid_until: Mapped[date | None]  # last day of an inspector's access
    session_epoch: Mapped[int] = mapped_column(default=0)  # raised by logout and by a new password: older sessions die
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    quiet: Mapped[list[Any]] = mapped_column(default=list)  # kinds of news switched off (domain.telling.OPTIONAL)
    soft_bounces: Mapped[int] = mapped_column(default=0)  # in a row; a delivered mail sets it back
    mail_dead_at: Mapped[datetime | None]  # hard bounce or three soft ones: the head is told instead
    created_at: Mapped[datetime]

    department: Mapped[Department | None] = relationship()
    office: Mapped[Office] = relationship()


class CalendarYear(Base):
    """One year's table of days off and make-up workdays, as published by the State Council."""

    __tablename__ = "calendar_year"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    table: Mapped[dict[str, Any]]  # {year, days: [{name, date, isOffDay}]}
    source: Mapped[Name] = mapped_column(default="")
    imported_at: Mapped[datetime]


class LoginThrottle(Base):
    """Failed logins per network address, for addresses that try many accounts."""

    __tablename__ = "login_throttle"

    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    window_started_at: Mapped[datetime]


class Setting(Base):
    """A product default that the office changed (rules.md marks them [P])."""

    __tablename__ = "setting"
    __table_args__ = (UniqueConstraint("office_id", "name"),)

    id: Mapped[Key]
    office_id: Mapped[OfficeKey]
    name: Mapped[Code]
    value: Mapped[dict[str, Any]]
