import java.io.RandomAccessFile;
import java.lang.reflect.Field;
import java.nio.Buffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import sun.misc.Unsafe;

/**
 * Runs an integer-coded heap program against a root table and writes down where its objects are.
 *
 * The program comes in a file that is mapped, and the addresses go out through the same mapping: between the last
 * collection of the preparation and the halt nothing is allocated but what the program asks for. Every operation is a
 * method of its own, so that no local of the interpreter keeps an object alive.
 *
 * The file, longs in the host's order: 0 operations (ints), 1 their offset, 2 offset of the results, 3 room for
 * results (longs), 4 bytes of the largest heap, 5 header (0: class at 8 in 4 bytes, 1: class at 8 in 8 bytes, 2: class
 * in bits 42 and up of the mark), 6 slots of the root table, 7 runs before the one that counts; out: 8 how it ended
 * (1 at its end, 2 out of memory, 3 no room for results, 4 a class that nobody knows), 9 address of the root table,
 * 10 results written (longs), 11 place of the last operation, 12 System.nanoTime() at its end, 13 at its begin.
 * A result is the place of the SNAP among the operations, the number of addresses, the addresses.
 */
public final class HeapProgram {
    static class K0 { }
    static class K1 { Object a; }
    static class K2 { Object a, b; }
    static class K3 { long x; Object a, b, c; }
    static class K4 { Object a, b, c, d, e, f, g, h; }
    static class K5 { long a, b, c, d, e, f; }
    static final class K10 extends K1 { Object c; int i; }

    static final int KINDS = 11;
    static final int TABLE = 256;

    static Unsafe U;
    static Object[] R;
    static int scale;
    static long arrayBase;
    static int header;
    static long file;
    static long ops;
    static long results;
    static long room;
    static long used;
    static long seen;
    static long seenBytes;
    static long heapBytes;
    /** By a hash of the class word: class, kind + 1. */
    static long kinds;
    /** By kind, 16 ints each: number of references and their offsets; -1 for an array of references. */
    static long shapes;

    public static void main(String[] args) throws Throwable {
        prepare(args[0]);
        warmUp();
        for (long runs = U.getLong(file + 56); runs > 0; runs--) {
            run();
            for (int slot = 0; slot < R.length; slot++) {
                R[slot] = null;
            }
        }
        for (int i = 0; i < 8; i++) {
            // What other threads still have to do, they do now: references of the last collection, classes to load.
            Thread.sleep(15);
            System.gc();
        }
        U.putLong(file + 72, tableAddress());
        int status = run();
        U.putLong(file + 80, used);
        U.putLong(file + 64, status);
        Runtime.getRuntime().halt(0);
    }

    static void prepare(String path) throws Throwable {
        Field theUnsafe = Unsafe.class.getDeclaredField("theUnsafe");
        theUnsafe.setAccessible(true);
        U = (Unsafe) theUnsafe.get(null);
        RandomAccessFile opened = new RandomAccessFile(path, "rw");
        MappedByteBuffer mapped = opened.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, opened.length());
        KEPT = mapped;
        file = U.getLong(mapped, U.objectFieldOffset(Buffer.class.getDeclaredField("address")));
        ops = file + U.getLong(file + 8);
        results = file + U.getLong(file + 16);
        room = U.getLong(file + 24);
        heapBytes = U.getLong(file + 32);
        header = (int) U.getLong(file + 40);
        scale = U.arrayIndexScale(Object[].class);
        arrayBase = U.arrayBaseOffset(Object[].class);
        seenBytes = heapBytes / 32 + 64;
        seen = U.allocateMemory(seenBytes);
        U.setMemory(seen, seenBytes, (byte) 0);
        kinds = U.allocateMemory(TABLE * 16);
        U.setMemory(kinds, TABLE * 16, (byte) 0);
        shapes = U.allocateMemory(KINDS * 64);
        U.setMemory(shapes, KINDS * 64, (byte) 0);
        R = new Object[(int) U.getLong(file + 48)];
        HOLDER = new Object[1];
        Field table = HeapProgram.class.getDeclaredField("R");
        mirror = U.staticFieldBase(table);
        tableOffset = U.staticFieldOffset(table);
        Class.forName("java.lang.Shutdown");
        Class<?>[] classes = {K0.class, K1.class, K2.class, K3.class, K4.class, K5.class, null, null, null, null, K10.class};
        for (int kind = 0; kind < KINDS; kind++) {
            int n = 0;
            for (Class<?> c = classes[kind]; c != null && c != Object.class; c = c.getSuperclass()) {
                for (Field field : c.getDeclaredFields()) {
                    if (!field.getType().isPrimitive()) {
                        long offset = U.objectFieldOffset(field);
                        int at = n++;
                        while (at > 0 && U.getInt(shapes + kind * 64 + 4 * at) > offset) {
                            U.putInt(shapes + kind * 64 + 4 * at + 4, U.getInt(shapes + kind * 64 + 4 * at));
                            at--;
                        }
                        U.putInt(shapes + kind * 64 + 4 * at + 4, (int) offset);
                    }
                }
            }
            U.putInt(shapes + kind * 64, kind == 9 ? -1 : n);
        }
    }

    static Object KEPT;
    static Object[] HOLDER;
    static Object mirror;
    static long tableOffset;

    /** Runs each operation once, so that everything is resolved, and empties the table. */
    static void warmUp() {
        for (int kind = 0; kind < KINDS; kind++) {
            if (kind < 6 || kind == 10) {
                create(kind, 0);
            } else {
                createArray(kind, 3, 0);
            }
            HOLDER[0] = R[0];
            long word = classWord(reference(HOLDER, arrayBase));
            long at = hash(word);
            while (U.getLong(kinds + at * 16 + 8) != 0) {
                at = (at + 1) & (TABLE - 1);
            }
            U.putLong(kinds + at * 16, word);
            U.putLong(kinds + at * 16 + 8, kind + 1);
            if (U.getInt(shapes + kind * 64) != 0) {
                link(0, 0, 0);
                load(0, 0, 1);
                unlink(0, 0);
            }
        }
        createArray(9, 3, 0);
        link(0, 1, 0);
        unlink(0, 1);
        move(0, 1);
        clear(0);
        clear(1);
        HOLDER[0] = null;
        snapshot(0);
        used = 0;
        U.putLong(file + 96, System.nanoTime());
    }

    static int run() {
        U.putLong(file + 104, System.nanoTime());
        try {
            return interpret();
        } catch (OutOfMemoryError e) {
            return 2;
        } finally {
            U.putLong(file + 88, (started - ops) >> 2);
            U.putLong(file + 96, System.nanoTime());
        }
    }

    static long started;

    static int interpret() {
        long at = ops;
        long end = ops + 4 * U.getLong(file);
        while (at < end) {
            started = at;
            int op = U.getInt(at);
            int a = U.getInt(at + 4), b = U.getInt(at + 8), c = U.getInt(at + 12);
            switch (op) {
                case 1: create(a, b); at += 12; break;
                case 2: createArray(a, b, c); at += 16; break;
                case 3: link(a, b, c); at += 16; break;
                case 4: clear(a); at += 8; break;
                case 5: move(a, b); at += 12; break;
                case 6:
                    int status = snapshot((started - ops) >> 2);
                    if (status != 0) {
                        return status;
                    }
                    at += 4;
                    break;
                case 7: System.gc(); at += 4; break;
                case 8: load(a, b, c); at += 16; break;
                case 9: unlink(a, b); at += 12; break;
                default: return 1;
            }
        }
        return 1;
    }

    static void create(int kind, int slot) {
        switch (kind) {
            case 0: R[slot] = new K0(); break;
            case 1: R[slot] = new K1(); break;
            case 2: R[slot] = new K2(); break;
            case 3: R[slot] = new K3(); break;
            case 4: R[slot] = new K4(); break;
            case 5: R[slot] = new K5(); break;
            default: R[slot] = new K10(); break;
        }
    }

    static void createArray(int kind, int length, int slot) {
        switch (kind) {
            case 6: R[slot] = new byte[length]; break;
            case 7: R[slot] = new int[length]; break;
            case 8: R[slot] = new long[length]; break;
            default: R[slot] = new Object[length]; break;
        }
    }

    static void link(int slot, int index, int from) {
        put(R[slot], index, R[from]);
    }

    static void unlink(int slot, int index) {
        put(R[slot], index, null);
    }

    static void put(Object object, int index, Object value) {
        if (object instanceof Object[]) {
            ((Object[]) object)[index] = value;
        } else if (object instanceof K10) {
            if (index == 0) ((K10) object).a = value; else ((K10) object).c = value;
        } else if (object instanceof K1) {
            ((K1) object).a = value;
        } else if (object instanceof K2) {
            if (index == 0) ((K2) object).a = value; else ((K2) object).b = value;
        } else if (object instanceof K3) {
            K3 record = (K3) object;
            switch (index) {
                case 0: record.a = value; break;
                case 1: record.b = value; break;
                default: record.c = value; break;
            }
        } else {
            K4 record = (K4) object;
            switch (index) {
                case 0: record.a = value; break;
                case 1: record.b = value; break;
                case 2: record.c = value; break;
                case 3: record.d = value; break;
                case 4: record.e = value; break;
                case 5: record.f = value; break;
                case 6: record.g = value; break;
                default: record.h = value; break;
            }
        }
    }

    static Object get(Object object, int index) {
        if (object instanceof Object[]) {
            return ((Object[]) object)[index];
        } else if (object instanceof K10) {
            return index == 0 ? ((K10) object).a : ((K10) object).c;
        } else if (object instanceof K1) {
            return ((K1) object).a;
        } else if (object instanceof K2) {
            return index == 0 ? ((K2) object).a : ((K2) object).b;
        } else if (object instanceof K3) {
            K3 record = (K3) object;
            return index == 0 ? record.a : index == 1 ? record.b : record.c;
        } else {
            K4 record = (K4) object;
            switch (index) {
                case 0: return record.a;
                case 1: return record.b;
                case 2: return record.c;
                case 3: return record.d;
                case 4: return record.e;
                case 5: return record.f;
                case 6: return record.g;
                default: return record.h;
            }
        }
    }

    static void load(int slot, int index, int to) {
        R[to] = get(R[slot], index);
    }

    static void clear(int slot) {
        R[slot] = null;
    }

    static void move(int from, int to) {
        R[to] = R[from];
    }

    static long hash(long word) {
        return ((word * 0x9E3779B97F4A7C15L) >>> 56) & (TABLE - 1);
    }

    static long reference(Object object, long offset) {
        return scale == 4 ? U.getInt(object, offset) & 0xffffffffL : U.getLong(object, offset);
    }

    /** Reads the field R itself: nothing is written to the heap. */
    static long tableAddress() {
        return reference(mirror, tableOffset);
    }

    static long classWord(long object) {
        switch (header) {
            case 0: return U.getInt(object + 8) & 0xffffffffL;
            case 1: return U.getLong(object + 8);
            default: return U.getLong(object) >>> 42;
        }
    }

    static int length(long array) {
        return U.getInt(array + (header == 0 ? 12 : header == 1 ? 16 : 8));
    }

    /** Everything that the table leads to, breadth first; the list of results is the queue. */
    static int snapshot(long place) {
        long first = results + used * 8 + 16;
        long limit = results + room * 8;
        if (first + 8 > limit) {
            return 3;
        }
        long root = tableAddress();
        // Addresses lie at most a heap away from the table.
        long lowest = root - heapBytes;
        U.setMemory(seen, seenBytes, (byte) 0);
        U.putLong(first, root);
        mark(root - lowest);
        long tail = first + 8;
        for (long head = first; head < tail; head += 8) {
            long object = U.getLong(head);
            long word = classWord(object);
            long at = hash(word);
            while (U.getLong(kinds + at * 16) != word) {
                if (U.getLong(kinds + at * 16 + 8) == 0) {
                    return 4;
                }
                at = (at + 1) & (TABLE - 1);
            }
            long shape = shapes + (U.getLong(kinds + at * 16 + 8) - 1) * 64;
            int n = U.getInt(shape);
            long elements = object + arrayBase;
            boolean isArray = n < 0;
            if (isArray) {
                n = length(object);
            }
            for (int i = 0; i < n; i++) {
                long from = isArray ? elements + (long) i * scale : object + U.getInt(shape + 4 + 4 * i);
                long target = scale == 4 ? U.getInt(from) & 0xffffffffL : U.getLong(from);
                if (target != 0 && mark(target - lowest)) {
                    if (tail + 8 > limit) {
                        return 3;
                    }
                    U.putLong(tail, target);
                    tail += 8;
                }
            }
        }
        U.putLong(first - 16, place);
        U.putLong(first - 8, (tail - first) >> 3);
        used += 2 + ((tail - first) >> 3);
        return 0;
    }

    /** Whether it was not marked before. */
    static boolean mark(long distance) {
        long at = seen + (distance >>> 6);
        int bit = 1 << ((distance >>> 3) & 7);
        int now = U.getByte(at);
        if ((now & bit) != 0) {
            return false;
        }
        U.putByte(at, (byte) (now | bit));
        return true;
    }
}
