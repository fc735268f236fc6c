// Every temporary that Python makes, and every way in which one dies.
param n = 12

record Node {
    value: int
    next: Node?
}

record Wide {
    a: int
    b: float
    c: str
    d: bool
    e: Node?
}

record Image {
    id: int
}

record Ghost {
    log: Node
    finalize {
        self.log.value = self.log.value + 300
    }
}

fn numbers(a: int, b: int) -> int {
    var sum = a + b
    sum = sum * (a - b) + a * 1000 * (b * 1000)
    sum = sum / 70001 - sum % 90001
    var large = 5000000000 + a
    large = large * 3 - (7000000000 - b)
    large = large / 1234567890123 + large % 3000000001
    var down = -a * 7000 / 13 + -b * 9000 % 17
    large = large - 8000000000
    return sum + large + down
}

fn floats(x: float, y: float) -> float {
    var z = x * y + x / y
    z = z * z - x * (y + z) % 3.0
    var i = int(z * 1000.0)
    return -z + float(i)
}

fn texts(i: int, x: float) -> int {
    var s = "item " + str(i)
    s = s + ", "
    s = s + str(x)
    s = s + str(i > 5)
    return len(s)
}

fn ranges(count: int) -> int {
    var total = 0
    for i in 300..300 + count {
        for j in i..i + 2 {
            if j - i == 1 {
                break
            }
            total = total + j
        }
    }
    for i in 5000000000..5000000002 {
        total = total + i
    }
    return total
}

fn find(nodes: list<Node>, value: int) -> Node? {
    for node in nodes {
        if node.value == value {
            return node
        }
    }
    return null
}

fn containers(count: int) -> int {
    var nodes = list<Node>()
    var squares = map<int, int>()
    for i in 0..count {
        nodes.push(Node { value: i * i, next: null })
        squares[i * 100] = i * i
    }
    var total = 0
    for key in squares {
        total = total + key + squares[key]
    }
    var found = find(nodes, 9)
    if found != null {
        total = total + found.value
    }
    squares.remove(300)
    var table = array<int>(count * 30 + 1)
    table[count * 20] = total
    total = total + table[count * 20] + len(table) + numbers(count, 5)
    if len(nodes) > 0 {
        total = total + nodes.pop().value
    }
    return total
}

fn rings(count: int) {
    for i in 0..count {
        var node = Node { value: 1000 + i, next: null }
        node.next = Node { value: i, next: node }
        var list = list<Node>()
        list.push(node)
    }
}

fn main() {
    var log = Node { value: 0, next: null }
    for i in 0..n {
        var sum = numbers(700 + i, 90 - i * 20)
        var x = floats(float(i) + 0.25, 3.5)
        var length = texts(i * 100, x)
        sum = sum + ranges(i) + length
        var wide = Wide { a: sum, b: x, c: "wide", d: true, e: log }
        var ghost = Ghost { log: log }
        var image = Image { id: i }
        var reference = weak(image)
        var again = reference.get()
        var block = bytes(20 + i * 80)
        sum = sum + len(block) + rand(0, 5000)
        expect again == image
        expect wide.a <= sum + 100000000000000000
        sum = sum + containers(i)
    }
    rings(n * 60)
    collect
    rings(n * 30)
    collect
    expect log.value == 300 * n
}
