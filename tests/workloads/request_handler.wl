// A server's life: each request makes a handful of objects that die together, and now and then a session stays.
// The weak generational hypothesis in one loop.
param requests = 1500 in 0..10000000
param keep_every = 25 in 1..1000000

record Request {
    id: int
    path: str
    headers: list<int>
}

record Response {
    status: int
    body: bytes
}

record Session {
    id: int
    visits: int
}

fn handle(request: Request) -> Response {
    for i in 0..6 {
        request.headers.push(request.id + i)
    }
    return Response { status: 200, body: bytes(64 + request.id % 64) }
}

fn main() {
    var sessions = list<Session>()
    var sent = 0
    for id in 0..requests {
        var number = str(id)
        var request = Request { id: id, path: "/item/" + number, headers: list<int>() }
        var response = handle(request)
        sent = sent + len(response.body)
        if id % keep_every == 0 {
            sessions.push(Session { id: id, visits: 1 })
        }
        free response.body
        free response
        free request.headers
        free request.path
        free number
        free request
    }
    expect len(sessions) == (requests + keep_every - 1) / keep_every
    for session in sessions {
        sent = sent + session.visits
        free session
    }
    free sessions
}
