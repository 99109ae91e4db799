from flask import Flask
from internal_greetings import greet

app = Flask(__name__)


@app.get("/")
def home() -> str:
    return greet("private index")
