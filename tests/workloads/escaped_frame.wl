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

// Its frame has the shape of the one that is gone, and lies in the same place.
fn overwrite(x: int, y: int) -> int {
    local other = Point { x: x, y: y }
    return other.x + other.y
}

fn main() {
    var point = make(3, 4)
    expect point.x + point.y == 7
    expect overwrite(-1, -2) == -3
    print "x is now", point.x
}
