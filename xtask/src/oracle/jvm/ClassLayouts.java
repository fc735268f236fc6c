import java.io.PrintStream;
import java.lang.annotation.Annotation;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import sun.misc.Unsafe;

/**
 * Prints where the fields of classes are, a line of JSON a class, as recordings have them.
 *
 * The first line is about the JVM. Sizes come from the distance of objects allocated one after the other.
 */
public final class ClassLayouts {
    static Unsafe U;
    static final Object[] HOLDER = new Object[5];

    public static void main(String[] args) throws Throwable {
        Field theUnsafe = Unsafe.class.getDeclaredField("theUnsafe");
        theUnsafe.setAccessible(true);
        U = (Unsafe) theUnsafe.get(null);
        PrintStream out = new PrintStream(System.out, false);
        out.println("{\"jvm\":\"" + System.getProperty("java.vm.version") + "\",\"oop\":" + U.arrayIndexScale(Object[].class)
            + ",\"base\":{\"B\":" + U.arrayBaseOffset(byte[].class) + ",\"S\":" + U.arrayBaseOffset(short[].class)
            + ",\"I\":" + U.arrayBaseOffset(int[].class) + ",\"J\":" + U.arrayBaseOffset(long[].class)
            + ",\"L\":" + U.arrayBaseOffset(Object[].class) + "},\"sizes\":[" + arrayBytes(byte.class, 0) + ","
            + arrayBytes(byte.class, 1) + "," + arrayBytes(byte.class, 5) + "," + arrayBytes(int.class, 1) + ","
            + arrayBytes(long.class, 1) + "," + arrayBytes(Object.class, 3) + "," + instanceBytes(Object.class) + "]}");
        out.println("{\"c\":\"java.lang.Object\",\"s\":null,\"k\":\"class\",\"sz\":" + instanceBytes(Object.class)
            + ",\"cc\":0,\"f\":[]}");
        for (int i = 0; i < Integer.parseInt(args[1]); i++) {
            Class<?> c = Class.forName(args[0] + i);
            StringBuilder line = new StringBuilder("{\"c\":\"" + c.getName() + "\",\"s\":\"" + c.getSuperclass().getName()
                + "\",\"k\":\"class\",\"sz\":" + instanceBytes(c) + ",\"cc\":" + (group(c.getAnnotations()) == null ? 0 : 1)
                + ",\"f\":[");
            String separator = "";
            for (Field field : c.getDeclaredFields()) {
                boolean isStatic = Modifier.isStatic(field.getModifiers());
                String group = group(field.getAnnotations());
                line.append(separator).append("[\"").append(field.getName()).append("\",\"")
                    .append(field.getType().descriptorString().charAt(0)).append("\",").append(isStatic ? 1 : 0).append(',')
                    .append(isStatic ? U.staticFieldOffset(field) : U.objectFieldOffset(field)).append(',')
                    .append(group == null ? "null" : "\"" + group + "\"").append(']');
                separator = ",";
            }
            out.println(line.append("]}"));
        }
        out.flush();
    }

    /** The group of a @Contended, null if there is none. It is an annotation of the JDK's own: asked for by name. */
    static String group(Annotation[] annotations) throws Throwable {
        for (Annotation annotation : annotations) {
            if (annotation.annotationType().getSimpleName().equals("Contended")) {
                return (String) annotation.annotationType().getMethod("value").invoke(annotation);
            }
        }
        return null;
    }

    static long address(int i) {
        long offset = U.arrayBaseOffset(Object[].class) + (long) i * U.arrayIndexScale(Object[].class);
        return U.arrayIndexScale(Object[].class) == 4 ? U.getInt(HOLDER, offset) & 0xffffffffL : U.getLong(HOLDER, offset);
    }

    /** Two neighbours are as far apart as one of them is large, unless a buffer ended between them. */
    static long distance() {
        long least = Long.MAX_VALUE;
        for (int i = 1; i < HOLDER.length; i++) {
            long distance = address(i) - address(i - 1);
            if (distance > 0) {
                least = Math.min(least, distance);
            }
        }
        return least;
    }

    static long instanceBytes(Class<?> c) throws Throwable {
        for (int i = 0; i < HOLDER.length; i++) {
            HOLDER[i] = U.allocateInstance(c);
        }
        return distance();
    }

    static long arrayBytes(Class<?> element, int length) {
        for (int i = 0; i < HOLDER.length; i++) {
            HOLDER[i] = java.lang.reflect.Array.newInstance(element, length);
        }
        return distance();
    }
}
