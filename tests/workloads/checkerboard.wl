// Every second block is freed; then somebody asks for blocks a little larger than the holes.
// Half the memory is free and none of it fits: fragmentation, unless objects can be moved.
param blocks = 2000 in 2..1000000
param size = 600 in 1..100000

fn main() {
    var board = array<bytes?>(blocks)
    for i in 0..blocks {
        board[i] = bytes(size)
    }
    for i in 0..blocks / 2 {
        free board[2 * i]
        board[2 * i] = null
    }
    collect
    var larger = array<bytes?>(blocks / 2)
    for i in 0..blocks / 2 {
        larger[i] = bytes(size + size / 2)
    }
    var total = 0
    for i in 0..blocks {
        if board[i] != null {
            total = total + len(board[i]!)
        }
    }
    expect total == (blocks - blocks / 2) * size
    for i in 0..blocks {
        free board[i]
    }
    for block in larger {
        free block
    }
    free board
    free larger
}
