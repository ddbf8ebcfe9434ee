"""`shopkeeper mcp`: the read tools over the Model Context Protocol, on standard input and output."""

from __future__ import annotations

from channels.options import DebugOption, StoreOption, store_at


def mcp(*, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Serves the read tools to a client that starts this command; it ends with its client.

    A client's settings name the command, such as `{"command": "shopkeeper", "args": ["mcp", "--store", "/srv/shop"]}`.

    Example:

    - `shopkeeper mcp --store var/myshop`
    """
    import anyio
    from mcp.server.stdio import stdio_server

    from agent.build import open_shop
    from channels.mcp_server import server

    made = server(open_shop(store_at(store).root))

    async def serve() -> None:
        async with stdio_server() as (read, write):
            await made.run(read, write, made.create_initialization_options())

    anyio.run(serve)
