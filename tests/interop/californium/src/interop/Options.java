package interop;

import java.util.HashMap;
import java.util.Map;

/** Options '--name value'; those without a value are switches. */
final class Options {
	private final Map<String, String> values = new HashMap<>();

	Options(String[] args) {
		for (int i = 0; i < args.length; i++) {
			boolean hasValue = i + 1 < args.length && !args[i + 1].startsWith("--");

			if (!args[i].startsWith("--"))
				throw new IllegalArgumentException(args[i]);
			values.put(args[i].substring(2), hasValue ? args[++i] : "");
		}
	}

	String get(String name) {
		return values.get(name);
	}

	String need(String name) {
		if (!values.containsKey(name))
			throw new IllegalArgumentException("--" + name + " is missing");
		return values.get(name);
	}

	int number(String name, int otherwise) {
		return values.containsKey(name) ? Integer.parseInt(values.get(name)) : otherwise;
	}

	boolean has(String name) {
		return values.containsKey(name);
	}
}
