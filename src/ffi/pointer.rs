//! What C promises about pointers, and the memory of objects that only Rust can free.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// A pointer that C passed. It is NULL, or it is what the top of the header asks for. Whoever makes one vouches for
/// that, until the end of `'a`, and for every pointer that is found behind it; so using one needs no `unsafe`.
///
/// What it can do depends on what it points to: an object of the library, a place for one, or what `read` reads.
pub struct Ptr<'a, T>(*const T, PhantomData<&'a T>);

impl<T> Clone for Ptr<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ptr<'_, T> {}

impl<T> Ptr<'_, T> {
    /// # Safety
    /// What the top of the header asks of this pointer is true during `'a`.
    pub unsafe fn new(pointer: *const T) -> Self {
        Ptr(pointer, PhantomData)
    }

    pub fn null() -> Self {
        Ptr(ptr::null(), PhantomData)
    }

    /// The bare pointer, or `None` for NULL.
    pub fn get(self) -> Option<ptr::NonNull<T>> {
        ptr::NonNull::new(self.0.cast_mut())
    }
}

/// What the library makes and C gives back to the object's own `_free`.
pub trait Object: Sized {
    /// What has to live as long as the object does, because it points there. `()` where it points to nothing.
    type Kept;
}

/// An object as it lies in memory: what C sees comes first.
#[repr(C)]
pub struct Owned<T: Object> {
    object: T,
    kept: T::Kept,
}

impl<T: Object> Owned<T> {
    /// In its place on the heap, because to move it costs more than to make it.
    #[allow(clippy::unnecessary_box_returns)]
    pub fn new(object: T, kept: T::Kept) -> Box<Self> {
        Box::new(Owned { object, kept })
    }

    pub fn into_raw(self: Box<Self>) -> *mut T {
        Box::into_raw(self).cast()
    }
}

impl<'a, T: Object> Ptr<'a, T> {
    pub fn object(self) -> Option<&'a T> {
        // SAFETY: NULL or alive, which `new` was promised.
        unsafe { self.0.as_ref() }
    }

    /// What lives with the object.
    pub fn kept(self) -> Option<&'a T::Kept> {
        // SAFETY: NULL or alive, and made by `into_raw`, which `new` was promised.
        self.get().map(|object| unsafe { &object.cast::<Owned<T>>().as_ref().kept })
    }

    /// A panic in a destructor would be a bug; it stays inside all the same.
    pub fn free(self) {
        if let Some(object) = self.get() {
            // SAFETY: `into_raw` made it, and C gives it back once, which `new` was promised.
            let owned = unsafe { Box::from_raw(object.cast::<Owned<T>>().as_ptr()) };
            let _ = catch_unwind(AssertUnwindSafe(|| drop(owned)));
        }
    }
}

impl<T: Object> Ptr<'_, *mut T> {
    /// Puts an object where C wants it. Does nothing where C wants none.
    pub fn set(self, object: *mut T) {
        if let Some(place) = self.get() {
            // SAFETY: NULL or writable, which `new` was promised.
            unsafe { place.write(object) }
        }
    }
}
