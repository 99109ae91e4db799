from itertools import count

from flask import Flask

app = Flask(__name__)
visits = count(1)


@app.get("/")
def home() -> str:
    return f"Hello from Flask, visit {next(visits)}"
