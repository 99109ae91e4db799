import platform

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="Guest book")
entries: list[str] = []


class Entry(BaseModel):
    text: str


@app.get("/")
def read() -> dict[str, object]:
    return {"message": "Hello from FastAPI", "python": platform.python_version(), "entries": entries}


@app.post("/", status_code=201)
def write(entry: Entry) -> dict[str, int]:
    entries.append(entry.text)
    return {"entries": len(entries)}
