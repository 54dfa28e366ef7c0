# Parley in a container: Node's own image, the program, its runtime dependencies and bubblewrap.
FROM node:24-slim AS program
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY bin ./bin
COPY src ./src
# Packs the program into dist, which takes development packages; none of them goes any further.
RUN npm ci

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
# bubblewrap confines the shell tool; the kernel has to allow user namespaces for it (docs/operations.md).
RUN apt-get update \
  && apt-get install -y --no-install-recommends bubblewrap \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY src ./src
COPY --from=program /app/dist ./dist
COPY config ./config
# The bot writes here and nowhere else; config is the admins'.
RUN mkdir data && chown node:node data
USER node
# The program itself is read-only here, so compiled code is kept with the data.
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/data/.cache
VOLUME /app/data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8787/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Longer than the 25 s in which work in hand is finished.
STOPSIGNAL SIGTERM
# A larger nursery for young objects: a seventh less processor time under load, for 45 MB with 10,000 sessions.
ENTRYPOINT ["node", "--max-semi-space-size=32", "bin/parley.js"]
CMD ["start"]
