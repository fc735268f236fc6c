//! `malloc` and its family as the program calls them, and the books on where the heap's bytes are.

use memory_trait::{Address, Event, Fault, FaultKind, ObjectKey, Observer, Outcome, Reclaimer, Storage, Usage};

use super::C;
use super::object::{Object, Shape};
use crate::params::OUT_OF_MEMORY_MESSAGE;
use crate::process_heap::ProcessHeap;

/// Sums over the live blocks, kept up to date by whoever changes one.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    n_blocks: u64,
    /// All of the blocks, their chunk headers included.
    total_bytes: u64,
    /// Fields, elements, characters.
    payload_bytes: u64,
    /// Chunk headers, heads and tables of containers, and blocks of the C library.
    header_bytes: u64,
    /// What the observer knows of the heap's size.
    told_heap_bytes: u64,
}

impl Books {
    pub(super) fn new(heap_bytes: u64) -> Self {
        Books { told_heap_bytes: heap_bytes, ..Books::default() }
    }

    fn add(&mut self, blocks: Blocks) {
        self.n_blocks += u64::from(blocks.count);
        self.total_bytes += blocks.total_bytes;
        self.header_bytes += u64::from(blocks.header_bytes);
    }

    fn remove(&mut self, blocks: Blocks) {
        self.n_blocks -= u64::from(blocks.count);
        self.total_bytes -= blocks.total_bytes;
        self.header_bytes -= u64::from(blocks.header_bytes);
    }
}

/// A block that `malloc` gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) at: u64,
    /// With its chunk header.
    pub(super) total_bytes: u64,
    header_bytes: u64,
}

/// The blocks of one object together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Blocks {
    count: u32,
    /// The chunk headers alone.
    header_bytes: u32,
    /// With their chunk headers.
    total_bytes: u64,
}

impl Blocks {
    /// What is not chunk headers.
    fn room_bytes(&self) -> u64 {
        self.total_bytes - u64::from(self.header_bytes)
    }

    fn of(blocks: &[Block]) -> Self {
        Blocks {
            count: blocks.len() as u32,
            header_bytes: blocks.iter().map(|block| block.header_bytes as u32).sum(),
            total_bytes: blocks.iter().map(|block| block.total_bytes).sum(),
        }
    }
}

impl<O: Observer, A: ProcessHeap> C<O, A> {
    pub(super) fn malloc(&mut self, bytes: u64) -> Outcome<Block> {
        let answer = self.space.heap.malloc(bytes);
        self.answered(answer)
    }

    pub(super) fn calloc(&mut self, n_elements: u64, element_bytes: u64) -> Outcome<Block> {
        let answer = self.space.heap.calloc(n_elements, element_bytes);
        self.answered(answer)
    }

    pub(super) fn realloc(&mut self, block: u64, bytes: u64) -> Outcome<Block> {
        let answer = self.space.heap.realloc(Address(block), bytes);
        self.answered(answer)
    }

    /// What the program does with the allocator's answer: it goes on with a block, and gives up without one.
    fn answered(&mut self, answer: Result<Address, Box<Fault>>) -> Outcome<Block> {
        self.tell_resized();
        match answer {
            Err(fault) => Err(self.journal.adopt(fault)),
            Ok(Address::NULL) => Err(self.journal.fatal(FaultKind::OutOfMemory, None, OUT_OF_MEMORY_MESSAGE)),
            Ok(block) => {
                let header_bytes = self.space.heap.header_bytes(block);
                let total_bytes = self.space.heap.usable_size(block) + header_bytes;
                Ok(Block { at: block.0, total_bytes, header_bytes })
            }
        }
    }

    /// `free` as it is called: the allocator's fault is the caller's to tell.
    pub(super) fn free_block(&mut self, block: u64) -> Result<(), Box<Fault>> {
        let answer = match self.space.foreign(block) {
            None => self.space.heap.free(Address(block)),
            Some((start, mut bytes)) => {
                let answer = self.space.heap.free_foreign(Address(block), Address(start), &mut bytes);
                self.space.take_back(start, &bytes);
                answer
            }
        };
        self.tell_resized();
        answer
    }

    #[inline]
    fn tell_resized(&mut self) {
        if O::WATCHES {
            let heap_bytes = self.space.heap.heap_bytes();
            if heap_bytes != self.books.told_heap_bytes {
                self.books.told_heap_bytes = heap_bytes;
                self.journal.tell(|| Event::HeapResized { heap_bytes });
            }
        }
    }

    /// Enters a new object of one block into the books. `own_bytes` of it are the head of a container.
    pub(super) fn found(&mut self, shape: Shape, block: Block, payload_bytes: u64, own_bytes: u64) -> ObjectKey {
        self.sweep_when_due();
        let naming = self.journal.name(shape.label());
        let mut object = Object::new(Address(block.at), shape, Storage::Heap, naming.object, naming.ordinal);
        object.payload_bytes = payload_bytes;
        object.own_bytes = own_bytes;
        object.first = Blocks::of(&[block]);
        self.books.add(object.first);
        self.books.payload_bytes += payload_bytes;
        self.books.header_bytes += own_bytes;
        self.journal.tell(|| Event::Born {
            object: naming.object,
            label: naming.label,
            ordinal: naming.ordinal,
            storage: Storage::Heap,
            address: Address(block.at),
            payload_bytes,
            total_bytes: block.total_bytes,
        });
        self.objects.insert(object)
    }

    /// A container's contents have changed: its elements now take `payload_bytes`, its head and tables `own_bytes`.
    #[inline]
    pub(super) fn refilled(&mut self, key: ObjectKey, payload_bytes: u64, own_bytes: u64) {
        let Some(object) = self.objects.get_mut(key).filter(|object| object.is_live()) else { return };
        // A damaged head may let the elements run out of their block: those are in nobody's.
        let payload_bytes = payload_bytes.min(object.first.room_bytes() + object.backing.room_bytes() - own_bytes);
        self.books.payload_bytes = self.books.payload_bytes - object.payload_bytes + payload_bytes;
        self.books.header_bytes = self.books.header_bytes - object.own_bytes + own_bytes;
        object.payload_bytes = payload_bytes;
        object.own_bytes = own_bytes;
    }

    /// The blocks that a container has beside its first are now these.
    pub(super) fn rebacked(&mut self, key: ObjectKey, blocks: &[Block]) {
        let Some(object) = self.objects.get_mut(key).filter(|object| object.is_live()) else { return };
        let backing = Blocks::of(blocks);
        self.books.remove(object.backing);
        self.books.add(backing);
        object.backing = backing;
    }

    /// Tells the observer that a container has other blocks now.
    pub(super) fn tell_backed(&mut self, key: ObjectKey) {
        if O::WATCHES
            && let Some(object) = self.objects.get(key).filter(|object| object.is_live())
            && let Some(id) = object.id()
        {
            let (payload_bytes, total_bytes) =
                (object.payload_bytes, object.first.total_bytes + object.backing.total_bytes);
            self.journal.tell(|| Event::Resized { object: id, payload_bytes, total_bytes });
        }
    }

    /// Strikes an object out of the books and tells that it is gone.
    pub(super) fn gone(&mut self, key: ObjectKey, by: Reclaimer) {
        self.objects.bury(key, self.journal.now.tick);
        let object = self.objects.get(key).expect("the dead are kept until they are swept");
        if object.storage == Storage::Heap {
            self.books.remove(object.first);
            self.books.remove(object.backing);
            self.books.payload_bytes -= object.payload_bytes;
            self.books.header_bytes -= object.own_bytes;
        }
        if let Some(object) = object.id() {
            self.journal.tell(|| Event::Reclaimed { object, by });
        }
    }

    /// The block that glibc's threads library callocs for a new thread's stack.
    pub(super) fn calloc_for_thread(&mut self, bytes: u64) -> Outcome<()> {
        let block = self.calloc(bytes / 16, 16)?;
        self.books.add(Blocks::of(&[block]));
        self.books.header_bytes += bytes;
        Ok(())
    }

    /// Where the heap's bytes are.
    pub(super) fn account(&self) -> Usage {
        let Books { n_blocks, total_bytes, payload_bytes, header_bytes, told_heap_bytes: _ } = self.books;
        let (heap_bytes, own_bytes) = (self.space.heap.heap_bytes(), self.space.heap.own_bytes());
        Usage {
            n_objects: n_blocks,
            payload_bytes,
            header_bytes: header_bytes + own_bytes,
            rounding_bytes: total_bytes - header_bytes - payload_bytes,
            boxed_bytes: 0,
            free_bytes: heap_bytes.saturating_sub(total_bytes + own_bytes),
            heap_bytes,
            stack_bytes: self.thread.depth_bytes() + self.waiting_stack_bytes,
        }
    }

    /// Forgets the dead that nobody can reach for any more, when there are enough of them.
    #[inline]
    pub(super) fn sweep_when_due(&mut self) {
        if self.objects.is_sweep_due() {
            self.sweep();
        }
    }

    #[cold]
    fn sweep(&mut self) {
        let space = &self.space;
        self.provenance.retain(|at| space.is_page_mapped(at));
        self.detector.retain(|at| space.is_page_mapped(at));
        let threads = std::iter::once(&self.thread).chain(&self.parked);
        let slots = threads.clone().flat_map(|thread| thread.slots.iter().map(|slot| slot.key));
        let frees = threads.flat_map(|thread| thread.frames.iter().filter_map(|frame| Some(frame.frees?.key)));
        let held = slots.chain(frees).chain(self.pending.map(|value| value.key)).chain(self.provenance.keys());
        self.objects.sweep(held, self.provenance.n_pages() * 512);
    }

    /// What is kept beside the emulated memory: entries of objects, dead ones included, and pages of provenance and of
    /// shadow memory, each of which stands for 4 KiB.
    pub fn shadow_sizes(&self) -> (usize, usize, usize) {
        (self.objects.len(), self.provenance.n_pages(), self.detector.n_pages())
    }
}
