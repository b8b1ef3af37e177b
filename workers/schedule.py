"""When, and nothing else. Times are the office's (Asia/Shanghai).

The passes are cheap when there is nothing to do, so they come often: an outage
is caught up within minutes of its end. Whether mail may leave is the service's
decision, not the schedule's.
"""

from celery.schedules import crontab

# A message that nobody took until the next one is due has lost its meaning.
SWEEP_EVERY, DELIVER_EVERY, BOUNCES_EVERY, CUSTODY_EVERY = 15, 5, 10, 10  # minutes
RENDITIONS_EVERY = 30  # seconds; who opened a file waits for its preview
PACKAGES_EVERY = 30  # seconds; who asked for one watches its progress

SCHEDULE = {
    "sweep at night": {"task": "sweep", "schedule": crontab(hour="0", minute="10")},
    "sweep, catching up": {
        "task": "sweep",
        "schedule": crontab(minute=f"*/{SWEEP_EVERY}"),
        "options": {"expires": SWEEP_EVERY * 60},
    },
    "deliver": {
        "task": "deliver",
        "schedule": crontab(hour="8-17", minute=f"*/{DELIVER_EVERY}"),
        "options": {"expires": DELIVER_EVERY * 60},
    },
    "bounces": {
        "task": "bounces",
        "schedule": crontab(minute=f"*/{BOUNCES_EVERY}"),
        "options": {"expires": BOUNCES_EVERY * 60},
    },
    "custody": {
        "task": "custody",
        "schedule": crontab(minute=f"3-59/{CUSTODY_EVERY}"),
        "options": {"expires": CUSTODY_EVERY * 60},
    },
    "retention and holds": {
        "task": "custody_locks",
        "schedule": crontab(minute=f"7-59/{CUSTODY_EVERY}"),
        "options": {"expires": CUSTODY_EVERY * 60},
    },
    "retention of everything": {"task": "custody_locks_all", "schedule": crontab(hour="2", minute="40")},
    "renditions": {"task": "renditions", "schedule": RENDITIONS_EVERY, "options": {"expires": RENDITIONS_EVERY}},
    "packages": {"task": "packages", "schedule": PACKAGES_EVERY, "options": {"expires": PACKAGES_EVERY}},
    "removals": {"task": "removals", "schedule": crontab(minute="*/5"), "options": {"expires": 300}},
    "what was removed stays away": {"task": "removals_all", "schedule": crontab(hour="3", minute="5")},
    # Due at half past one (domain.backups.NIGHT); what was missed or killed is caught up at the next look.
    "backup": {"task": "backup", "schedule": crontab(minute="*/30"), "options": {"expires": 1800}},
    "time stamp of the log": {"task": "stamp", "schedule": crontab(minute="23"), "options": {"expires": 3600}},
    "watch the clock": {"task": "watch_clock", "schedule": crontab(minute="*/5"), "options": {"expires": 300}},
    "litter": {"task": "litter", "schedule": crontab(hour="4", minute="20")},
}
