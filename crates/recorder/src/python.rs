//! An interpreter of Python: instead of malloc's calls, those of its object allocator are recorded.
//!
//! `PyMem_SetAllocator` is called before the interpreter starts, so that the recording begins with an allocator that is
//! empty. The interpreter holds its lock during each call in these domains, so the calls have an order already.

use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char, c_int, c_void};

use crate::state::State;
use crate::wire::{Op, VERSION_BYTES, header};

/// `Include/cpython/pymem.h:PyMemAllocatorEx`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Allocator {
    context: *mut c_void,
    malloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    calloc: unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void,
    realloc: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void, *mut c_void),
}

/// `Include/cpython/objimpl.h:PyObjectArenaAllocator`.
#[derive(Clone, Copy)]
#[repr(C)]
struct ArenaAllocator {
    context: *mut c_void,
    alloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void, *mut c_void, usize),
}

/// What the interpreter had: not in the state, which is empty in a child, where the calls have to go on.
struct Originals(UnsafeCell<[Option<Allocator>; 2]>, UnsafeCell<Option<ArenaAllocator>>);

// SAFETY: written once, before the interpreter starts; read only afterwards.
unsafe impl Sync for Originals {}

static ORIGINALS: Originals = Originals(UnsafeCell::new([None; 2]), UnsafeCell::new(None));

/// `PYMEM_DOMAIN_MEM` and `PYMEM_DOMAIN_OBJ`: both are served by pymalloc.
const DOMAINS: [c_int; 2] = [1, 2];

/// Looks up a function of the interpreter.
macro_rules! python {
    ($name:literal as $type:ty) => {{
        let name: &CStr = $name;
        // SAFETY: a name with a NUL; a function of that name has that type, by `Include/cpython/`.
        unsafe { core::mem::transmute::<*mut c_void, Option<$type>>(libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr())) }
    }};
}

/// Takes the place of the interpreter's allocators. `None`: there is no interpreter.
///
/// # Safety
/// `state` is a state that is off, and the interpreter has not started.
pub(crate) unsafe fn install(state: *mut State) -> Option<()> {
    type Access<T> = unsafe extern "C" fn(c_int, *mut T);
    type AccessArenas = unsafe extern "C" fn(*mut ArenaAllocator);
    let get = python!(c"PyMem_GetAllocator" as Access<Allocator>)?;
    let set = python!(c"PyMem_SetAllocator" as Access<Allocator>)?;
    let get_arenas = python!(c"PyObject_GetArenaAllocator" as AccessArenas)?;
    let set_arenas = python!(c"PyObject_SetArenaAllocator" as AccessArenas)?;
    let version = python!(c"Py_GetVersion" as unsafe extern "C" fn() -> *const c_char)?;
    // SAFETY: these functions may be called before the interpreter starts, and are of these types.
    unsafe {
        write_version(state, version());
        for (place, domain) in DOMAINS.into_iter().enumerate() {
            let mut original = core::mem::MaybeUninit::<Allocator>::uninit();
            get(domain, original.as_mut_ptr());
            (*ORIGINALS.0.get())[place] = Some(original.assume_init());
            let mut ours = Allocator { context: place as *mut c_void, malloc, calloc, realloc, free };
            set(domain, &raw mut ours);
        }
        let mut original = core::mem::MaybeUninit::<ArenaAllocator>::uninit();
        get_arenas(original.as_mut_ptr());
        let original = original.assume_init();
        *ORIGINALS.1.get() = Some(original);
        let mut ours = ArenaAllocator { context: core::ptr::null_mut(), alloc: make_arena, free: release_arena };
        set_arenas(&raw mut ours);
        (*state).guarded.ring.set(header::HAS_PYTHON, 1);
        (*state).is_python_on = 1;
    }
    Some(())
}

/// Writes the version, up to the first blank.
///
/// # Safety
/// `text` ends with a NUL.
unsafe fn write_version(state: *mut State, mut text: *const c_char) {
    let mut words = [0_u64; VERSION_BYTES as usize / 8];
    for word in &mut words {
        for shift in 0..8 {
            // SAFETY: not behind the NUL.
            let byte = unsafe { *text } as u8;
            if byte == 0 || byte == b' ' {
                break;
            }
            *word |= u64::from(byte) << (8 * shift);
            text = text.wrapping_add(1);
        }
    }
    for (i, word) in words.iter().enumerate() {
        // SAFETY: the state's ring is mapped.
        unsafe { (*state).guarded.ring.set(header::PYTHON_VERSION + 8 * i as u64, *word) };
    }
}

/// The allocator that the interpreter had in a domain.
fn original(context: *mut c_void) -> Allocator {
    // SAFETY: written before anybody calls the functions that ask.
    match unsafe { (*ORIGINALS.0.get())[usize::from(!context.is_null())] } {
        Some(original) => original,
        // SAFETY: the functions that ask are only known to the interpreter after that was written.
        None => unsafe { libc::abort() },
    }
}

/// Writes a record, if anything is recorded.
#[inline]
fn note(op: Op, argument: u64, others: &[u64]) {
    if let Some(state) = crate::state::python() {
        // SAFETY: the interpreter's lock is held.
        unsafe {
            let ring = &mut (*state).guarded.ring;
            ring.begin(op, argument);
            for &word in others {
                ring.word(word);
            }
            if !ring.publish() {
                (*state).is_python_on = 0;
            }
        }
    }
}

unsafe extern "C" fn malloc(context: *mut c_void, bytes: usize) -> *mut c_void {
    let original = original(context);
    // SAFETY: the original, called as this one was.
    let block = unsafe { (original.malloc)(original.context, bytes) };
    note(Op::PythonMalloc, bytes as u64, &[block as u64]);
    block
}

unsafe extern "C" fn calloc(context: *mut c_void, n: usize, bytes: usize) -> *mut c_void {
    let original = original(context);
    // SAFETY: the original, called as this one was.
    let block = unsafe { (original.calloc)(original.context, n, bytes) };
    note(Op::PythonCalloc, n.saturating_mul(bytes) as u64, &[block as u64]);
    block
}

unsafe extern "C" fn realloc(context: *mut c_void, old: *mut c_void, bytes: usize) -> *mut c_void {
    let original = original(context);
    // SAFETY: the original, called as this one was.
    let block = unsafe { (original.realloc)(original.context, old, bytes) };
    note(Op::PythonRealloc, bytes as u64, &[old as u64, block as u64]);
    block
}

unsafe extern "C" fn free(context: *mut c_void, block: *mut c_void) {
    let original = original(context);
    // SAFETY: the original, called as this one was.
    unsafe { (original.free)(original.context, block) };
    note(Op::PythonFree, block as u64, &[]);
}

/// The allocator of arenas that the interpreter had.
fn original_arenas() -> ArenaAllocator {
    // SAFETY: as `original`.
    match unsafe { *ORIGINALS.1.get() } {
        Some(original) => original,
        // SAFETY: as `original`.
        None => unsafe { libc::abort() },
    }
}

unsafe extern "C" fn make_arena(_: *mut c_void, bytes: usize) -> *mut c_void {
    let original = original_arenas();
    // SAFETY: the original, called as this one was.
    let arena = unsafe { (original.alloc)(original.context, bytes) };
    note(Op::PythonArenaMade, arena as u64, &[bytes as u64]);
    arena
}

unsafe extern "C" fn release_arena(_: *mut c_void, arena: *mut c_void, bytes: usize) {
    let original = original_arenas();
    // SAFETY: the original, called as this one was.
    unsafe { (original.free)(original.context, arena, bytes) };
    note(Op::PythonArenaReleased, arena as u64, &[bytes as u64]);
}
