from celery import shared_task


@shared_task
def count_things(things: list[str]) -> int:
    return len(things)
