# Work for an awk: fields, associative arrays, regular expressions, user functions and string building over the lines of a file.
function heap_down(h, i, n,    c, t) {
	while ((c = 2 * i) <= n) {
		if (c < n && h[c + 1] > h[c]) c++
		if (h[i] >= h[c]) return
		t = h[i]; h[i] = h[c]; h[c] = t
		i = c
	}
}
function heap_sort(h, n,    i, t) {
	for (i = int(n / 2); i >= 1; i--) heap_down(h, i, n)
	for (i = n; i > 1; i--) {
		t = h[1]; h[1] = h[i]; h[i] = t
		heap_down(h, 1, i - 1)
	}
}
function ackermann(m, n) { return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1)) }
{ line[NR] = $0; for (i = 1; i <= NF; i++) count[$i]++; length_sum += length($0) }
END {
	for (r = 1; r <= rounds; r++) {
		n = 0
		for (w in count) key[++n] = w
		heap_sort(key, n)
		matched = changed = 0
		for (i = 1; i <= NR; i++) {
			s = line[i]
			if (s ~ /(e|t)[a-z]*[0-9]+ .*5 $/) matched++
			changed += gsub(/[aeiou]+[0-9]/, "<&>", s)
			total += index(s, ">") + match(s, /[0-9][0-9][0-9]/)
		}
		text = ""
		for (i = 1; i <= 4000; i++) text = text substr(key[i], 2, 3)
		m = split(text, part, /[0-9]/)
		print r, NR, n, key[1], key[n], matched, changed, total, m, toupper(part[2]), ackermann(2, 40), sprintf("%.6f", exp(log(length_sum) / 3))
	}
}
