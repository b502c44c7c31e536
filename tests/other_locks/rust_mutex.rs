// As stage.h has it, with std::sync::Mutex around what the threads wait for. Their own mutexes are libc's.
use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

extern "C" {
    fn pthread_mutex_lock(mutex: *mut c_void) -> c_int;
    fn pthread_mutex_unlock(mutex: *mut c_void) -> c_int;
}

#[repr(align(8))]
struct Own([u8; 40]);

static LOCK: Mutex<u64> = Mutex::new(0);
static INSIDE: AtomicBool = AtomicBool::new(false);
static HOLDING: AtomicI32 = AtomicI32::new(0);

fn pause() {
    thread::sleep(Duration::from_millis(1));
}

fn start(name: String, body: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name(name).spawn(body).unwrap();
}

fn main() {
    start("inside".into(), || {
        let mut turns = LOCK.lock().unwrap();
        INSIDE.store(true, SeqCst);
        loop {
            *turns += 1;
            if *turns % 1024 == 0 {
                pause();
            }
        }
    });
    while !INSIDE.load(SeqCst) {
        pause();
    }
    for i in 0..4 {
        let own = Box::leak(Box::new(Own([0; 40]))).0.as_mut_ptr() as usize;
        start(format!("blocked{i}"), move || {
            unsafe { pthread_mutex_lock(own as *mut c_void) };
            HOLDING.fetch_add(1, SeqCst);
            drop(LOCK.lock());
            unsafe { pthread_mutex_unlock(own as *mut c_void) };
        });
        while HOLDING.load(SeqCst) <= i {
            pause();
        }
        start("waiter".into(), move || {
            unsafe { pthread_mutex_lock(own as *mut c_void) };
        });
    }
    println!("ready {:p}", &LOCK);
    loop {
        pause();
    }
}
