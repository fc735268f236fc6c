// A cache that does not keep what it caches: half of the objects lose their last strong reference.
// `collect` makes the three agree on what is left; without it, each would answer at its own time.
param n = 100 in 0..1000000

record Image {
    id: int
}

fn main() {
    var cache = array<weak<Image>?>(n)
    var shown = array<Image?>(n)
    for i in 0..n {
        var image = Image { id: i }
        cache[i] = weak(image)
        shown[i] = image
    }
    for i in 0..n {
        if i % 2 == 0 {
            free shown[i]
            shown[i] = null
        }
    }
    collect
    var alive = 0
    for entry in cache {
        var image = entry!.get()
        if image != null {
            expect image.id % 2 == 1
            alive = alive + 1
        }
    }
    expect alive == n / 2
    for i in 0..n {
        free shown[i]
        free cache[i]
    }
    free shown
    free cache
}
