"""The HTTP API under `/v1`: one module of routes per resource, and what all routes share.

    routes         how a route is declared: its scope, its answer, what a repeat of it does
    auth           who calls, and whether the scope allows it; before anything else is looked at
    idempotency    the same key and the same request give the same answer
    problems       every error as `application/problem+json`
    paging         cursors of lists
    schemas        the shapes that several resources share

A route reads its input, calls one service, and says the result in JSON. The tenant of everything is the
caller's own: no address and no body names one.
"""
