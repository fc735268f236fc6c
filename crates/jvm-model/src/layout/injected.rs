//! Fields that the VM adds to some of the JDK's own classes, after the declared ones.
//!
//! Mirrors `classfile/javaClasses.hpp:ALL_INJECTED_FIELDS` of each release.

use super::FieldType::{self, Boolean, Byte, Int, Long, Reference, Short};
use crate::version::Version;

type Injected = &'static [(&'static str, FieldType)];

/// The fields injected into the class of that name, in the order in which they are laid out.
pub(super) fn injected_fields(class_name: &str, version: Version) -> Injected {
    let pick = |v17: Injected, v21: Injected, v25: Injected| match version {
        Version::V17 => v17,
        Version::V21 => v21,
        Version::V25 => v25,
    };
    match class_name {
        "java.lang.Class" => pick(CLASS_17, CLASS_21, CLASS_25),
        "java.lang.String" => &[("flags", Byte)],
        "java.lang.Module" => &[("module_entry", Long)],
        "java.lang.ClassLoader" => &[("loader_data", Long)],
        "java.lang.Thread" => pick(&[], THREAD, THREAD),
        "java.lang.VirtualThread" => pick(&[], &[], &[("objectWaiter", Long)]),
        "java.lang.InternalError" => &[("during_unsafe_access", Boolean)],
        "java.lang.StackFrameInfo" => &[("version", Short)],
        "java.lang.invoke.ResolvedMethodName" => pick(RESOLVED_17, RESOLVED_17, &[("vmtarget", Long)]),
        "java.lang.invoke.MemberName" => &[("vmindex", Long)],
        "java.lang.invoke.MethodHandleNatives$CallSiteContext" => pick(DEPENDENCIES, DEPENDENCIES, &[]),
        "java.lang.invoke.CallSite" => pick(&[], &[], DEPENDENCIES),
        "jdk.internal.vm.StackChunk" => STACK_CHUNK,
        _ => &[],
    }
}

const CLASS_17: Injected = &[
    ("klass", Long),
    ("array_klass", Long),
    ("oop_size", Int),
    ("static_oop_field_count", Int),
    ("protection_domain", Reference),
    ("signers", Reference),
    ("source_file", Reference),
];

const CLASS_21: Injected = &[
    ("klass", Long),
    ("array_klass", Long),
    ("oop_size", Int),
    ("static_oop_field_count", Int),
    ("protection_domain", Reference),
    ("signers", Reference),
    ("source_file", Reference),
    ("init_lock", Reference),
];

const CLASS_25: Injected = &[
    ("klass", Long),
    ("array_klass", Long),
    ("oop_size", Int),
    ("static_oop_field_count", Int),
    ("protection_domain", Reference),
    ("source_file", Reference),
];

const THREAD: Injected = &[
    ("jvmti_thread_state", Long),
    ("jvmti_VTMS_transition_disable_count", Int),
    ("jvmti_is_in_VTMS_transition", Boolean),
    ("jfr_epoch", Short),
];

const STACK_CHUNK: Injected = &[("cont", Reference), ("flags", Byte), ("pc", Long), ("maxThawingSize", Int)];

const RESOLVED_17: Injected = &[("vmholder", Reference), ("vmtarget", Long)];

const DEPENDENCIES: Injected = &[("vmdependencies", Long), ("last_cleanup", Long)];
