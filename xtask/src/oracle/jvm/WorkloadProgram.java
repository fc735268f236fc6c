/**
 * Runs a workload twice. The first run loads its classes, resolves its constants and fills the caches of the JDK; full
 * collections put all that into old. The second run is between the two times that are printed.
 */
final class WorkloadProgram {
    static final String[] NONE = {};

    static Throwable run() {
        try {
            PROGRAM.main(NONE);
            return null;
        } catch (Throwable thrown) {
            return thrown;
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        long begin = System.nanoTime();
        Throwable thrown = run();
        thrown = null;
        System.out.write(1);
        System.out.flush();
        for (int i = 0; i < 8; i++) {
            // What other threads still have to do, they do now.
            Thread.sleep(15);
            System.gc();
        }
        begin = System.nanoTime();
        thrown = run();
        long end = System.nanoTime();
        System.out.write(1);
        System.out.println(begin + " " + end + " " + thrown);
    }
}
