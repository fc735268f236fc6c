// A function returns the address of its own local. In C the frame is gone and the value is there until somebody
// else's frame is laid over it; in Python and Java the record was never in the frame.
expect fault escaped_frame on c

record Point {
    x: int
    y: int
}

fn make(x: int, y: int) -> Point {
    local point = Point { x: x, y: y }
    return &point
}

fn overwrite(depth: int) -> int {
    local junk = Point { x: -1, y: -1 }
    if depth == 0 {
        return junk.x
    }
    return overwrite(depth - 1) + junk.y
}

fn main() {
    var point = make(3, 4)
    expect point.x + point.y == 7
    overwrite(4)
    print "x is now", point.x
}
