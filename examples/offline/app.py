from bottle import Bottle

app = Bottle()


@app.get("/")
def home() -> str:
    return "Hello from a build without a network"
