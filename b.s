r0=1
gotox r1
