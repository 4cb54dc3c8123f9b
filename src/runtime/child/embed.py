"""Writes a file's bytes as a C array: embed.py INPUT OUTPUT NAME."""
import sys

data = open(sys.argv[1], 'rb').read()
with open(sys.argv[2], 'w', encoding='ascii') as out:
    out.write('static const unsigned char %s[] = {\n' % sys.argv[3])
    for i in range(0, len(data), 16):
        out.write('    ' + ', '.join('0x%02x' % b for b in data[i:i + 16]) + ',\n')
    out.write('};\n')
