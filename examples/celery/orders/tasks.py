import os

from celery import Celery

BROKER = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
app = Celery("orders", broker=BROKER, backend=BROKER)


@app.task
def ship(thing: str) -> str:
    return f"{thing} shipped"
