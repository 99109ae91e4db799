# /// script
# requires-python = ">=3.11"
# dependencies = ["fastapi>=0.115", "uvicorn>=0.32"]
# ///
"""A whole web application in one file, with what it needs."""

from datetime import UTC, datetime

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def now() -> dict[str, str]:
    return {"message": "Hello from a script", "time": datetime.now(UTC).isoformat(timespec="seconds")}
