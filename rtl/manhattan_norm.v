// manhattan_norm: Lanes rows, each divided by its L1 norm to three significant bits, so that the mean |y| is
// near 32. No square, root, divider or multiplier.
//
//   L = max(1, sum_k |x_k|) < 2^24;  e = floor(log2 L);  m = floor(8 L / 2^e) - 8
//   s = max(e - 1 - floor(log2 w), 0), w the length of the rows, as counted
//   y_k = saturate(round_shift(x_k * R[m], s), 8),  R = 15 13 12 11 10 10 9 8
//
// A frame: s_axis word k is feature k of all lanes, InWidth bits each, lane 0 in the low bits, tlast on the
// last, up to Width words; m_axis then gives as many words of int8, in the same order, tlast on the last.
//
// The rows are stored while every lane sums |x|; 23 clocks then bring the leading one of L to bit 23 in all
// lanes (manhattan_norm_lane.v); then the rows are read again, multiplied and requantized, a word a clock.
//
// Cycles from the first word in to the last word out, without stalls: 2 w + 26.
`default_nettype none

module manhattan_norm #(
    parameter integer Lanes   = 16,
    parameter integer Width   = 128, // most features of a row
    parameter integer InWidth = 16
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,

    input  wire [InWidth*Lanes-1:0] s_axis_tdata,
    input  wire                     s_axis_tvalid,
    output wire                     s_axis_tready,
    input  wire                     s_axis_tlast,

    output wire [      8*Lanes-1:0] m_axis_tdata,
    output reg                      m_axis_tvalid,
    input  wire                     m_axis_tready,
    output reg                      m_axis_tlast
);
  localparam integer IndexWidth = $clog2(Width);
  localparam [4:0] Steps = 5'd23;
  localparam [1:0] Load = 2'd0, Normalise = 2'd1, Send = 2'd2, Flush = 2'd3;

  wire advance = !m_axis_tvalid || m_axis_tready;

  reg [1:0] state_q;
  reg [IndexWidth-1:0] index_q, final_q;
  reg [4:0] step_q;
  reg [InWidth*Lanes-1:0] rows_q[0:Width-1];

  assign s_axis_tready = state_q == Load;
  wire beat = s_axis_tvalid && s_axis_tready;
  wire read = state_q == Send && advance;
  wire read_end = index_q == final_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Load;
      index_q <= {IndexWidth{1'b0}};
    end else begin
      if (beat) index_q <= s_axis_tlast ? {IndexWidth{1'b0}} : index_q + 1'b1;
      if (beat && s_axis_tlast) state_q <= Normalise;
      if (state_q == Normalise && step_q == Steps - 5'd1) state_q <= Send;
      if (read) index_q <= read_end ? {IndexWidth{1'b0}} : index_q + 1'b1;
      // The next frame overwrites the norms, so it waits until the last word has left.
      if (read && read_end) state_q <= Flush;
      if (m_axis_tvalid && m_axis_tready && m_axis_tlast) state_q <= Load;
    end
    step_q <= state_q == Normalise ? step_q + 5'd1 : 5'd0;
    if (beat) rows_q[index_q] <= s_axis_tdata;
    if (beat) final_q <= index_q;
  end

  // bits_q becomes 1 + floor(log2 w), the bits of the number of words: one more each time that number has
  // outgrown them.
  wire first = index_q == {IndexWidth{1'b0}};
  wire [15:0] count = {{(16 - IndexWidth) {1'b0}}, index_q} + 16'd1;
  reg [3:0] bits_q;
  wire [3:0] bits_before = first ? 4'd0 : bits_q;
  wire [3:0] bits_d = bits_before + {3'd0, count[bits_before]};

  always @(posedge clk_i) if (beat) bits_q <= bits_d;

  // Send: read a word, multiply it by R, requantize it.
  reg read_valid_q, read_end_q, product_valid_q, product_end_q;
  reg [InWidth*Lanes-1:0] read_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      read_valid_q    <= 1'b0;
      product_valid_q <= 1'b0;
      m_axis_tvalid   <= 1'b0;
    end else if (advance) begin
      read_valid_q    <= read;
      product_valid_q <= read_valid_q;
      m_axis_tvalid   <= product_valid_q;
    end
    if (advance) begin
      read_q        <= rows_q[index_q];
      read_end_q    <= read_end;
      product_end_q <= read_end_q;
      m_axis_tlast  <= product_end_q;
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < Lanes; lane = lane + 1) begin : g_lane
      manhattan_norm_lane #(
          .InWidth(InWidth)
      ) u_lane (
          .clk_i(clk_i),
          .load_i(beat),
          .first_i(first),
          .x_i(s_axis_tdata[InWidth*lane+:InWidth]),
          .largest_shift_i(Steps - {1'b0, bits_d}),
          .normalise_i(state_q == Normalise),
          .advance_i(advance),
          .row_i(read_q[InWidth*lane+:InWidth]),
          .y_o(m_axis_tdata[8*lane+:8])
      );
    end

    if (Lanes != 1 && (Lanes < 4 || Lanes > 64 || (Lanes & (Lanes - 1)) != 0)) begin : g_lanes
      manhattan_norm_refuses_lanes_other_than_1_4_8_16_32_64 refused ();
    end
    if (Width < 16 || Width > 256 || (Width & (Width - 1)) != 0) begin : g_width
      manhattan_norm_refuses_width_other_than_16_32_64_128_256 refused ();
    end
    if (InWidth != 8 && InWidth != 16 && InWidth != 24) begin : g_in_width
      manhattan_norm_refuses_in_width_other_than_8_16_24 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
