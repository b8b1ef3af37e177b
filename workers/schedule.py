"""When, and nothing else. Times are the office's (Asia/Shanghai).

The passes are cheap when there is nothing to do, so they come often: an outage
is caught up within minutes of its end. Whether mail may leave is the service's
decision, not the schedule's.
"""

from celery.schedules import crontab

# A message that nobody took until the next one is due has lost its meaning.
SWEEP_EVERY, DELIVER_EVERY, BOUNCES_EVERY = 15, 5, 10  # minutes

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
}
