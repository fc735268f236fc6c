/** Compiled for Java 17 into shapes.jar: what `cargo xtask layout` is tested with. */
public class Shapes {
    int a;
    byte b;
    long c;
    Object o;
    String[][] s;
    static int st;

    static class Below extends Shapes {
        boolean z;
        short sh;
    }

    static class Failure extends RuntimeException {
        int code;
    }

    static class Orphan extends Missing {
        int x;
    }

    interface Nothing {}
}

class Missing {}
