from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

mcp = MCPServer("weather")


@mcp.tool()
def forecast(city: str) -> str:
    """Return tomorrow's weather."""
    return f"It will rain in {city}."


@mcp.custom_route("/", methods=["GET"])
async def home(_request: Request) -> Response:
    return PlainTextResponse("Hello from MCP: connect to /mcp")


# Any host, since a container is not reached as localhost; and without sessions, so that any container may answer.
app = mcp.streamable_http_app(host="0.0.0.0", stateless_http=True)  # noqa: S104 (in a container)
